//! Connections in memory.

use std::io;
use std::sync::{Arc, Mutex};

use hyper_util::rt::TokioIo;
use patchsweep_core::RootCause;
use patchsweep_core::architecture::{Architecture, Sizes};
use patchsweep_core::context::{Direction, Iteration, SweepContext};
use patchsweep_core::grid::{Axis, Component, Grid};
use patchsweep_core::groups::Groups;
use patchsweep_core::metric::{Metric, MetricKind};
use patchsweep_core::model::{Dtype, ModelRef};
use patchsweep_core::tokens::TokenMatrix;
use patchsweep_link::dial::{Bearer, Connection};
use patchsweep_link::fixtures::{Coordinator, Plan};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tower::service_fn;

use crate::session::{Dial, SessionError};

/// Dials a coordinator in memory.
pub(super) struct Dialer {
    connections: mpsc::Sender<io::Result<DuplexStream>>,
    plan: Arc<Mutex<Plan>>,
}

impl Dialer {
    pub(super) fn with_coordinator() -> (Self, Coordinator) {
        let (connections, accepted) = mpsc::channel(1);
        let coordinator = Coordinator::start(context(), ReceiverStream::new(accepted));
        (Self { connections, plan: Arc::clone(&coordinator.plan) }, coordinator)
    }
}

impl Dial for Dialer {
    async fn dial(&mut self) -> Result<Connection, SessionError> {
        let is_down = {
            let mut plan = self.plan.lock().expect("nobody panicked");
            plan.dialled.push(Instant::now());
            plan.is_down
        };
        let connections = self.connections.clone();
        let connect = service_fn(move |_| {
            let connections = connections.clone();
            async move {
                if is_down {
                    return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
                }
                let (ours, theirs) = duplex(1 << 16);
                connections.send(Ok(theirs)).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
                Ok(TokioIo::new(ours))
            }
        });
        let unreachable = |error| SessionError::Unreachable { url: self.url(), source: Some(RootCause::of(&error)) };
        let endpoint = Endpoint::from_static("http://coordinator");
        let channel = endpoint.connect_with_connector(connect).await.map_err(unreachable)?;
        Ok(Connection::new(channel.into(), Bearer::default()))
    }

    fn url(&self) -> String {
        "http://coordinator".to_owned()
    }
}

/// The smallest sweep.
pub(super) fn context() -> SweepContext {
    let sizes = Sizes { layers: 1, heads: 1, d_model: 2, d_mlp: 8, d_vocab: 4, n_ctx: 8 };
    let tokens = TokenMatrix::from_flat(1, 2, vec![0, 1]).expect("a matrix");
    let iteration = Iteration {
        corrupted: tokens.clone(),
        noise: None,
        reads: vec![1],
        answers: vec![0],
        wrong_answers: Vec::new(),
    };
    let kind = MetricKind::LogitDiffMax { candidates: vec![0, 1] };
    SweepContext {
        model: ModelRef::Folder("m".into()),
        architecture: Architecture::plain(sizes),
        dtype: Dtype::Float32,
        tf32: false,
        direction: Direction::Noising,
        clean: tokens,
        iterations: vec![iteration],
        metrics: vec![Metric { name: "m".into(), kind, normalize: false }],
        grids: vec![
            Grid::new("g".into(), Component::ResidPre, vec![Axis::Layer, Axis::Pos], &Architecture::plain(sizes), 2)
                .expect("a grid"),
        ],
        per_prompt: false,
        replicates: 1,
        groups: Groups::default(),
    }
}
