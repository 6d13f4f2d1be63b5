//! A coordinator that says no more than it does for people, and whose memory is looked at.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use patchsweep_proto::v1::client_service_client::ClientServiceClient;
use patchsweep_proto::v1::{GetSweepRequest, ListWorkersRequest, SweepStatus};
use tonic::transport::Channel;

use crate::Running;
use crate::cluster::free_address;

/// Pause between two looks at the same thing.
const LOOK: Duration = Duration::from_millis(20);

/// Nothing that is waited for takes longer.
const BOUND: Duration = Duration::from_mins(10);

/// A running `patchsweep serve`; killed when dropped.
#[derive(Debug)]
pub struct Coordinator {
    program: PathBuf,
    models: PathBuf,
    state: PathBuf,
    address: String,
    process: Running,
}

impl Coordinator {
    /// Starts it on a free address.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(program: &Path, models: &Path, state: &Path) -> Self {
        let address = free_address();
        let (program, models, state) = (program.to_owned(), models.to_owned(), state.to_owned());
        let process = serve(&program, &models, &state, &address);
        Self { program, models, state, address, process }
    }

    /// Kills it and starts it again on the same address and state; gives the time that it took to listen.
    ///
    /// # Panics
    /// When it does not start.
    pub fn kill_and_restart(&mut self) -> Duration {
        self.process.signal("KILL");
        self.process.wait();
        let began = Instant::now();
        self.process = serve(&self.program, &self.models, &self.state, &self.address);
        began.elapsed()
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same as a socket's address.
    ///
    /// # Panics
    /// Never: it is one.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address.parse().expect("an address")
    }

    /// What its process has now is the most that it had so far.
    ///
    /// # Panics
    /// When the system does not know that.
    pub fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5").expect("the peak can be set back");
    }

    /// The most memory that its process had so far, in KiB.
    #[must_use]
    pub fn peak_kib(&self) -> u64 {
        self.process.memory_kib("VmHWM")
    }

    /// The same without the pages of the program's file, of which an unoptimised one has several times as many.
    #[must_use]
    pub fn peak_data_kib(&self) -> u64 {
        self.peak_kib().saturating_sub(self.process.memory_kib("RssFile"))
    }

    /// Waits until so many workers are connected.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn wait_for_workers(&self, workers: u32) {
        let mut client = self.client().await;
        let deadline = Instant::now() + BOUND;
        loop {
            let listed = client.list_workers(ListWorkersRequest {}).await.expect("a list").into_inner().workers;
            if listed.len() == workers as usize {
                return;
            }
            assert!(Instant::now() < deadline, "{} of {workers} workers are connected", listed.len());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until a sweep's status is as wanted.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn wait_for(&self, sweep: &str, wanted: impl Fn(&SweepStatus) -> bool) -> SweepStatus {
        let mut client = self.client().await;
        let deadline = Instant::now() + BOUND;
        loop {
            let request = GetSweepRequest { sweep_id: sweep.to_owned() };
            let status = client.get_sweep(request).await.expect("it is known").into_inner();
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "{} of {} tiles are done", status.tiles_done, status.tiles_total);
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn client(&self) -> ClientServiceClient<Channel> {
        let endpoint = Channel::from_shared(self.url()).expect("a URL");
        ClientServiceClient::new(endpoint.connect().await.expect("it listens"))
    }
}

fn serve(program: &Path, models: &Path, state: &Path, address: &str) -> Running {
    let mut command = Command::new("env");
    // As people run it, not as tests do.
    command.arg("PATCHSWEEP_LOG=warn").arg(program);
    let text = |path: &Path| path.to_str().expect("a plain path").to_owned();
    let (models, state) = (text(models), text(state));
    let args = ["serve", "--listen", address, "--state", &state, "--models", &models];
    let mut process = Running::start_command(command, &args);
    process.wait_for("listening on");
    process
}
