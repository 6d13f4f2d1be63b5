//! What is answered, and what is not.

use axum::body::to_bytes;
use axum::http::header::{ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Request, StatusCode};
use patchsweep_core::results::CellStatus;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::page::only_local_names;

const PATHS: [&str; 8] = [
    "/",
    "/assets/main.js",
    "/assets/style.css",
    "/api/sweeps",
    "/api/sweeps/s",
    "/api/sweeps/s/results?grid=z",
    "/api/workers",
    "/api/events",
];

#[tokio::test]
async fn only_get_and_head_are_answered() {
    let router = router(Fake::default());
    for path in PATHS {
        assert_eq!(ask(&router, "GET", path).await.status(), StatusCode::OK, "{path}");
        let head = ask(&router, "HEAD", path).await;
        assert_eq!(head.status(), StatusCode::OK, "{path}");
        assert!(to_bytes(head.into_body(), 1).await.expect("a body").is_empty(), "{path}");
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let refused = ask(&router, method, path).await;
            assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(refused.headers()[ALLOW], "GET,HEAD", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_answer_forbids_all_but_own_files() {
    let router = router(Fake::default());
    for path in PATHS.into_iter().chain(["/api/sweeps/other", "/assets/none.js"]) {
        for method in ["GET", "POST"] {
            let response = ask(&router, method, path).await;
            let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned();
            assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
            assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
            assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        }
    }
}

#[tokio::test]
async fn nothing_but_the_pages_own_files_is_found() {
    let router = router(Fake::default());
    for path in [
        "/assets/../mod.rs",
        "/assets/..%2fmod.rs",
        "/assets/%2e%2e%2f%2e%2e%2fCargo.toml",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/",
        "/assets/main.js%00",
        "/api/sweeps/..%2f..%2fetc%2fpasswd",
        "/api/sweeps/../workers",
        "/index.html",
    ] {
        assert_eq!(ask(&router, "GET", path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_page_has_no_inline_script_or_style_and_names_no_other_host() {
    let response = ask(&router(Fake::default()), "GET", "/").await;
    let html = to_bytes(response.into_body(), MOST_BYTES).await.expect("a body");
    let html = String::from_utf8(html.to_vec()).expect("text");
    for banned in ["<style", "style=", "onclick", "onload", "javascript:", "http:", "https:", "//"] {
        assert!(!html.contains(banned), "{banned}");
    }
    assert_eq!(html.matches("<script").count(), html.matches("<script type=\"module\" src=\"assets/").count());
}

#[tokio::test]
async fn names_with_markup_travel_as_json_that_no_browser_takes_for_a_page() {
    let fake = Fake::default();
    fake.sweeps()[0].name = "<script>alert(1)</script>".into();
    let router = router(fake);
    for path in ["/api/sweeps", "/api/sweeps/s", "/api/sweeps/%3Cscript%3E"] {
        let response = ask(&router, "GET", path).await;
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json", "{path}");
    }
    let (_, sweeps) = get(&router, "/api/sweeps").await;
    assert_eq!(sweeps["sweeps"][0]["name"], "<script>alert(1)</script>");
}

#[tokio::test]
async fn what_is_not_there_is_distinguished_from_a_coordinator_that_cannot_answer() {
    let router_of = |is_closing| router(Fake { is_closing, ..Fake::default() });
    for path in ["/api/sweeps/other", "/api/sweeps/other/results?grid=z"] {
        let (status, body) = get(&router_of(false), path).await;
        assert_eq!((status, &body), (StatusCode::NOT_FOUND, &json!({"error": "no sweep `other`"})));
    }
    for query in ["grid=k", "grid=z&metric=none", "grid=z&from=3"] {
        let (status, _) = get(&router_of(false), &format!("/api/sweeps/s/results?{query}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{query}");
    }
    for path in ["/api/sweeps", "/api/sweeps/s", "/api/sweeps/s/results?grid=z", "/api/workers", "/api/events"] {
        let (status, body) = get(&router_of(true), path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(body["error"], "the coordinator is shutting down");
    }
}

#[tokio::test]
async fn a_sweep_tells_its_progress_per_grid_and_the_time_left() {
    let (_, sweep) = get(&router(Fake::default()), "/api/sweeps/s").await;
    assert_eq!(sweep["multiply_adds"], json!({"total": 100, "done": 25, "per_second": 5}));
    assert_eq!((&sweep["remaining_seconds"], &sweep["submitted_unix_seconds"]), (&json!(15.0), &json!(1_700_000_000)));
    assert_eq!(sweep["cells"], json!({"total": 10, "noop": 2, "done": 2}));
    assert_eq!(sweep["grids"][0]["name"], "z");
    assert_eq!(sweep["grids"][0]["multiply_adds"]["done"], 25);
}

#[tokio::test]
async fn workers_tell_memory_cache_and_the_tile_in_hand() {
    let (_, workers) = get(&router(Fake::default()), "/api/workers").await;
    let worker = &workers["workers"][0];
    assert_eq!(worker["memory"], json!({"used": 5, "budget": 8}));
    assert_eq!(worker["cache"], json!({"hits": 3, "misses": 1}));
    let hand =
        json!({"sweep": "s", "grid": "z", "iteration": "Iteration 0", "seconds": 4.0, "attempt": 2, "retries": 1});
    assert_eq!(worker["hand"], hand);
    assert_eq!(worker["multiply_adds_per_second"], Value::Null);
}

#[tokio::test]
async fn warnings_tell_when_and_whom_they_concern() {
    let (_, events) = get(&router(Fake::default()), "/api/events").await;
    let event = json!({
        "unix_ms": 1_700_000_000_123_u64, "level": "warn", "sweep": "s", "worker": "node-1", "text": "a tile failed",
    });
    assert_eq!(events["events"], json!([event]));
}

#[tokio::test]
async fn pending_cells_are_null_and_distinguished_from_no_ops() {
    let mut results = example();
    let grid = &mut results.grids[0];
    (grid.effect[0], grid.stderr[0], grid.status[0]) = (f32::NAN, f32::NAN, CellStatus::Pending);
    (grid.effect[1], grid.stderr[1], grid.status[1]) = (0.0, 0.0, CellStatus::NoOp);
    let (_, map) = get(&router(Fake::with(results)), "/api/sweeps/s/results?grid=resid_pre").await;
    let facet = &map["facets"][0];
    assert_eq!(
        (&facet["effect"][0], &facet["stderr"][0], &facet["status"][0]),
        (&Value::Null, &Value::Null, &json!(4))
    );
    assert_eq!((&facet["effect"][1], &facet["status"][1]), (&json!(0.0), &json!(2)));
}

#[tokio::test]
async fn a_heat_map_has_a_facet_per_iteration_one_range_and_the_tokens_on_its_axis() {
    let mut results = example();
    results.token_labels[3] = "<b>&".into();
    results.grids[0].effect[95] = -7.5;
    let (_, map) = get(&router(Fake::with(results)), "/api/sweeps/s/results?grid=resid_pre").await;
    assert_eq!((map["range"].as_f64(), map["facets"].as_array().map(Vec::len)), (Some(7.5), Some(3)));
    assert_eq!((&map["next"], &map["iterations"]), (&Value::Null, &json!(3)));
    assert_eq!((&map["rows"]["title"], &map["columns"]["title"]), (&json!("layer"), &json!("pos")));
    assert_eq!(map["columns"]["ticks"][3], json!({"at": 3, "text": "3: '<b>&'"}));
    assert_eq!(map["columns"]["names"][2], "pos 2: ' Chief'");
    assert_eq!((&map["colours"][0], &map["colours"][10]), (&json!("#67001f"), &json!("#053061")));
    assert_eq!(map["facets"][2]["effect"][3 * 8 + 7], -7.5);
    assert_eq!((&map["metric"], &map["metrics"]), (&json!("logit_diff"), &json!(["logit_diff", "prob"])));
}

#[tokio::test]
async fn a_page_on_loopback_cannot_be_reached_under_anothers_name() {
    let router = only_local_names(router(Fake::default()));
    for (host, status) in [("localhost:7071", StatusCode::OK), ("evil.example", StatusCode::MISDIRECTED_REQUEST)] {
        let request = Request::builder().uri("/api/sweeps").header(HOST, host).body(Body::empty()).expect("a request");
        assert_eq!(router.clone().oneshot(request).await.expect("infallible").status(), status, "{host}");
    }
    assert_eq!(ask(&router, "GET", "/api/sweeps").await.status(), StatusCode::MISDIRECTED_REQUEST);
}
