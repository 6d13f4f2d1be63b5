//! What is served at which path.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tower::ServiceExt;

use crate::health::Health;

/// Prometheus' text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Pages that are mounted when the program has what they show.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages(Arc<OnceLock<Router>>);

impl Pages {
    pub(super) fn mount(&self, pages: Router) {
        let _ = self.0.set(pages);
    }

    async fn answer(self, request: Request) -> Response {
        match self.0.get() {
            Some(pages) => match pages.clone().oneshot(request).await {
                Ok(answer) => answer,
                Err::<_, Infallible>(never) => match never {},
            },
            None => (StatusCode::NOT_FOUND, "there are /healthz, /readyz and /metrics\n").into_response(),
        }
    }
}

pub(super) fn router(health: Health, metrics: PrometheusHandle, pages: Pages) -> Router {
    let ready = move || {
        let unready = health.unready();
        async move {
            match unready {
                None => (StatusCode::OK, "ready\n".to_owned()),
                Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
            }
        }
    };
    let metrics = move || {
        let text = metrics.render();
        async move { ([(header::CONTENT_TYPE, METRICS)], text) }
    };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(move |request| pages.answer(request))
}
