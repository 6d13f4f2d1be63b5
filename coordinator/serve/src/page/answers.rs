//! Refusals, as the page understands them.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::heat_map::HeatMapError;
use super::source::SourceError;

/// Why there is no answer: `{"error": TEXT}` under a status.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    pub(super) fn not_found(text: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, text: text.to_owned() }
    }
}

impl From<SourceError> for Refusal {
    fn from(error: SourceError) -> Self {
        let status = match error {
            SourceError::NotFound(_) => StatusCode::NOT_FOUND,
            SourceError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self { status, text: error.to_string() }
    }
}

impl From<HeatMapError> for Refusal {
    fn from(error: HeatMapError) -> Self {
        let status = match error {
            HeatMapError::NoGrid | HeatMapError::NoIteration { .. } => StatusCode::NOT_FOUND,
            HeatMapError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        };
        Self { status, text: error.to_string() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.text }))).into_response()
    }
}
