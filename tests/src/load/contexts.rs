//! A sweep with a very large context, and workers that ask for it at the same moment and take their time.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use hyper_util::rt::TokioIo;
use patchsweep_core::architecture::{Architecture, Sizes};
use patchsweep_core::context::{Direction, Iteration, SweepContext};
use patchsweep_core::digest::Digest;
use patchsweep_core::grid::{Axis, Component, Grid};
use patchsweep_core::groups::Groups;
use patchsweep_core::ids::{Epoch, SweepId, TileId};
use patchsweep_core::metric::{Metric, MetricKind};
use patchsweep_core::model::{Dtype, ModelRef};
use patchsweep_core::status::{PlanOptions, Priority};
use patchsweep_core::tile::{Tile, TileWork};
use patchsweep_core::tokens::TokenMatrix;
use patchsweep_plan::{Plan, Seeds};
use patchsweep_proto::chunk::{Joiner, MAX_TOTAL_BYTES};
use patchsweep_proto::v1::worker_service_client::WorkerServiceClient;
use patchsweep_proto::v1::{ContextChunk, FetchContextRequest};
use patchsweep_proto::wire::encode_context;
use patchsweep_serve::state::{Arrival, Entry, KeptSweep, Store};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tonic::Streaming;
use tonic::transport::Endpoint;
use tower::service_fn;

const PROMPTS: u32 = 1000;
const POSITIONS: u32 = 1000;
/// Of as many token ids each as there are clean ones: all together nearly as many as a context may have.
const ITERATIONS: u32 = 32;
/// Of GPT-2.
const VOCABULARY: u32 = 50_257;
/// From this one on ids take three bytes.
const THREE_BYTES: u32 = 1 << 14;

/// What a worker lets the coordinator send before it reads: more than a server of hyper holds back for one stream.
const WINDOW: u32 = 1 << 20;

/// Fetches that begin together; the coordinator hears nothing of them afterwards, and ends them after ten seconds.
const AT_ONCE: u32 = 50;

/// Bytes that the system takes for a worker that does not read: few, as over a long line.
const RECEIVE_BUFFER: u32 = 16 << 10;

/// A running sweep of which nothing is computed.
#[derive(Debug)]
pub struct LargeContext {
    /// What workers ask for.
    pub digest: Digest,
    /// Of the context as it is sent.
    pub bytes: usize,
}

impl LargeContext {
    /// Keeps the sweep in a state folder that no coordinator uses.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn store(state: &Path) -> Self {
        let context = context();
        let encoded = encode_context(&context);
        let large = Self { digest: Digest::of(&encoded), bytes: encoded.len() };
        let work = TileWork::Patch { grid: 0, cells: std::iter::once(0..1).collect(), plain: false };
        let plan = Plan {
            name: "large".to_owned(),
            digest: large.digest,
            context: Arc::new(context),
            tiles: vec![Tile { id: TileId(0), iteration: 0, prompts: 0..1, work }],
            costs: vec![1],
            check: None,
            choice: None,
            options: PlanOptions::default(),
            iteration_labels: (0..ITERATIONS).map(|iteration| iteration.to_string()).collect(),
            prompts: Digest::of(b""),
            dictionary_models: BTreeMap::new(),
            token_labels: vec!["token".to_owned(); POSITIONS as usize],
            lines: Vec::new(),
            spec_text: String::new(),
            seeds: Seeds { dataset: None, corruption: None },
            kept_answers: vec![None; ITERATIONS as usize],
            warnings: Vec::new(),
            answer_texts: BTreeMap::new(),
        };
        let sweep = KeptSweep {
            id: SweepId("large-1".to_owned()),
            plan: Arc::new(plan),
            context: encoded.into(),
            dataset: Digest::of(b""),
            priority: Priority::default(),
            submitted: SystemTime::now(),
            arrival: Arrival { epoch: Epoch(1), files: None },
        };
        let (store, _) = Store::open(state).expect("a state folder");
        store.write(&[Entry::Sweep(Box::new(sweep))]).expect("it is kept");
        large
    }
}

fn context() -> SweepContext {
    let sizes = Sizes { layers: 1, heads: 1, d_model: 1, d_mlp: 4, d_vocab: VOCABULARY, n_ctx: POSITIONS };
    let architecture = Architecture::plain(sizes);
    let tokens = |shift: u32| {
        let id = |place: u32| {
            THREE_BYTES + place.wrapping_add(shift).wrapping_mul(2_654_435_761) % (VOCABULARY - THREE_BYTES)
        };
        let ids = (0..PROMPTS * POSITIONS).map(id);
        TokenMatrix::from_flat(PROMPTS, POSITIONS, ids.collect()).expect("as many as there are places")
    };
    let iteration = |number: u32| Iteration {
        corrupted: tokens(number + 1),
        noise: None,
        reads: vec![POSITIONS - 1],
        answers: vec![1; PROMPTS as usize],
        wrong_answers: Vec::new(),
    };
    let grid = Grid::new("resid_pre".to_owned(), Component::ResidPre, vec![Axis::Layer], &architecture, POSITIONS);
    SweepContext {
        model: ModelRef::folder("model").expect("a name"),
        architecture,
        dtype: Dtype::Float32,
        tf32: false,
        direction: Direction::Noising,
        clean: tokens(0),
        iterations: (0..ITERATIONS).map(iteration).collect(),
        metrics: vec![Metric { name: "prob".to_owned(), kind: MetricKind::Prob, normalize: false }],
        grids: vec![grid.expect("a grid")],
        per_prompt: false,
        replicates: 1,
        groups: Groups::default(),
    }
}

/// Fetches that have begun, each over a connection of its own, and that nobody reads.
#[derive(Debug)]
pub struct Fetches {
    begun: Vec<(Runtime, Vec<Streaming<ContextChunk>>)>,
}

impl Fetches {
    /// Begins so many; each has been answered.
    ///
    /// # Panics
    /// When one cannot be begun.
    #[must_use]
    pub fn begin(address: SocketAddr, count: u32, context: &LargeContext) -> Self {
        let digest = context.digest;
        let some = |count: u32| {
            // Which makes connections go on only while something waits for it: not any more when these have begun.
            let runtime = runtime();
            let begun = runtime.block_on(async move {
                let mut beginning = JoinSet::new();
                for _ in 0..count {
                    beginning.spawn(begin(address, digest));
                }
                beginning.join_all().await
            });
            (runtime, begun)
        };
        let starts = (0..count).step_by(AT_ONCE as usize);
        Self { begun: starts.map(|start| some(AT_ONCE.min(count - start))).collect() }
    }

    /// How many have begun.
    #[must_use]
    pub fn len(&self) -> usize {
        self.begun.iter().map(|(_, streams)| streams.len()).sum()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Fetches a context to its end, and gives its digest and length.
///
/// # Panics
/// When it breaks.
#[must_use]
pub fn fetch_whole(address: SocketAddr, context: &LargeContext) -> (Digest, usize) {
    let bytes = runtime().block_on(async {
        let mut chunks = begin(address, context.digest).await;
        let mut joiner = Joiner::new(MAX_TOTAL_BYTES);
        while let Some(chunk) = chunks.message().await.expect("a chunk") {
            joiner.push(&chunk.data).expect("small");
        }
        joiner.finish()
    });
    (Digest::of(&bytes), bytes.len())
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn begin(address: SocketAddr, digest: Digest) -> Streaming<ContextChunk> {
    let connect = service_fn(move |_| async move {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        Ok::<_, io::Error>(TokioIo::new(socket.connect(address).await?))
    });
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URL");
    let endpoint = endpoint.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let channel = endpoint.connect_with_connector(connect).await.expect("it listens");
    let request = FetchContextRequest { context_digest: digest.0.to_vec() };
    let fetched = WorkerServiceClient::new(channel).fetch_context(request).await;
    fetched.expect("the sweep runs").into_inner()
}
