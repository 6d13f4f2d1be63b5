//! The coordinator's web page: what `watch` shows, in a browser. Read-only.
//!
//! One page of plain HTML, CSS and JavaScript that is embedded here and asks for JSON. [`PageSource`] is where that comes
//! from. Every answer is bounded: lists and texts are cut, and a grid comes in pieces of some iterations ([`heat_map`]).

mod answers;
mod assets;
mod guard;
mod heat_map;
mod recent;
mod source;
#[cfg(test)]
mod tests;
mod views;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router, middleware};
use patchsweep_core::ids::SweepId;

pub use guard::only_local_names;
pub use source::{PageSource, SoFar, SourceError};

use answers::Refusal;
use heat_map::{HeatMap, Wanted};
use recent::Recent;
use views::{Events, SweepView, Sweeps, Workers};

type Answer<T> = Result<Json<T>, Refusal>;

/// The page at `/` and what it asks for below `/api`. Only GET and HEAD are answered; all else is 405.
pub fn router(source: impl PageSource) -> Router {
    routes(Arc::new(source))
}

fn routes<S: PageSource>(source: Arc<S>) -> Router {
    let recent = Arc::new(Recent::new(Arc::clone(&source)));
    let lists = Router::new()
        .route("/api/sweeps", get(sweeps::<S>))
        .route("/api/sweeps/{sweep}", get(sweep::<S>))
        .route("/api/workers", get(workers::<S>))
        .route("/api/events", get(events::<S>))
        .with_state(source);
    let results = Router::new().route("/api/sweeps/{sweep}/results", get(results::<S>)).with_state(recent);
    Router::new()
        .route("/", get(async || assets::page()))
        .route("/assets/{file}", get(async |Path(file): Path<String>| asset(&file)))
        .merge(lists)
        .merge(results)
        .layer(middleware::map_response(guard::protect))
}

fn asset(file: &str) -> Result<Response, Refusal> {
    assets::asset(file).ok_or_else(|| Refusal::not_found("no such file"))
}

async fn sweeps<S: PageSource>(State(source): State<Arc<S>>) -> Answer<Sweeps> {
    Ok(Json(Sweeps::new(&source.sweeps().await?)))
}

async fn sweep<S: PageSource>(State(source): State<Arc<S>>, Path(sweep): Path<String>) -> Answer<SweepView> {
    Ok(Json(SweepView::whole(&source.sweep(SweepId(sweep)).await?)))
}

async fn workers<S: PageSource>(State(source): State<Arc<S>>) -> Answer<Workers> {
    Ok(Json(Workers::new(&source.workers().await?)))
}

async fn events<S: PageSource>(State(source): State<Arc<S>>) -> Answer<Events> {
    Ok(Json(Events::new(&source.events().await?)))
}

async fn results<S: PageSource>(
    State(recent): State<Arc<Recent<S>>>,
    Path(sweep): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer<HeatMap> {
    let so_far = recent.results(SweepId(sweep)).await?;
    Ok(Json(HeatMap::new(&so_far, &wanted)?))
}
