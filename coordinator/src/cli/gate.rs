//! Who a coordinator lets in, as the command line says it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use etcetera::base_strategy::{BaseStrategy, Xdg};
use patchsweep_link::credentials::Role;
use patchsweep_serve::gate::{Certificate, Gate, Lock, MAX_CONNECTIONS, credentials_path, host_name};

use super::CliError;

#[derive(Debug, clap::Args)]
pub(super) struct GateArgs {
    #[command(flatten)]
    state: StateArgs,
    /// TLS and tokens on a loopback address too; on others they are the default.
    #[arg(long)]
    tls: bool,
    /// Neither TLS nor tokens, which is the default on a loopback address; on others only with --force.
    #[arg(long, conflicts_with_all = ["tls", "tls_cert"])]
    insecure: bool,
    /// Means it: --insecure on an address that others can reach.
    #[arg(long, requires = "insecure")]
    force: bool,
    /// Name or address by which this machine is dialled, for the certificate; may be given several times. The first
    /// is in the credentials files [default: this machine's name, or the address given by --listen].
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// The site's own certificate in PEM, with those between it and the CA.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The CA of --tls-cert in PEM, for the credentials files [default: callers trust what their machine trusts].
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_ca: Option<PathBuf>,
    /// Most connections at once.
    #[arg(long, default_value_t = MAX_CONNECTIONS, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    max_connections: u16,
}

/// Where a coordinator keeps its state.
#[derive(Debug, clap::Args)]
pub(super) struct StateArgs {
    /// The coordinator's state directory [default: $XDG_STATE_HOME/patchsweep or ~/.local/state/patchsweep].
    #[arg(long, env = "PATCHSWEEP_STATE", hide_env_values = true, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl StateArgs {
    pub(super) fn directory(&self) -> Result<PathBuf, CliError> {
        let own = || Some(Xdg::new().ok()?.state_dir()?.join("patchsweep"));
        let directory = self.state.clone().or_else(own).ok_or(CliError::NoState)?;
        Ok(std::path::absolute(&directory).unwrap_or(directory))
    }
}

/// A gate, and what people have to know about it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) gate: Gate,
    /// Where the coordinator listens, as a URL.
    pub(super) url: String,
    /// What gives workers and clients the coordinator's address, in that order: an option and its value.
    pub(super) flags: [[String; 2]; 2],
}

impl GateArgs {
    /// Before anything listens: whether that address may be open to everybody.
    pub(super) fn refuse_bare(&self, address: SocketAddr) -> Result<(), CliError> {
        if self.insecure && !self.force && !address.ip().is_loopback() {
            return Err(CliError::InsecureElsewhere { address });
        }
        Ok(())
    }

    /// Where the coordinator keeps what it needs over restarts: secrets, sweeps and scores.
    pub(super) fn state_directory(&self) -> Result<PathBuf, CliError> {
        self.state.directory()
    }

    /// The gate of a coordinator that listens there.
    pub(super) fn open(&self, address: SocketAddr) -> Result<Opened, CliError> {
        let loopback = address.ip().is_loopback();
        let locked = self.tls || self.tls_cert.is_some() || (!loopback && !self.insecure);
        let dialled = self.dialled(address);
        let (gate, scheme, flags) = if locked {
            let state = self.state.directory()?;
            let url = format!("https://{dialled}");
            let gate = Gate::locked(&Lock { state: state.clone(), certificate: self.certificate(address), url })?;
            (gate, "https", Role::ALL.map(|role| credentials_flag(&state, role)))
        } else {
            if !loopback {
                tracing::warn!(%address, "neither TLS nor tokens: every program that reaches this address is let in");
            }
            let flag = ["--coordinator".to_owned(), format!("http://{dialled}")];
            (Gate::open(), "http", [flag.clone(), flag])
        };
        let gate = gate.with_max_connections(self.max_connections);
        Ok(Opened { gate, url: format!("{scheme}://{address}"), flags })
    }

    /// Host and port by which others dial the address.
    fn dialled(&self, address: SocketAddr) -> String {
        let host = self.host.first().cloned().or_else(|| address.ip().is_unspecified().then(host_name));
        match host {
            Some(host) if host.contains(':') => format!("[{host}]:{}", address.port()),
            Some(host) => format!("{host}:{}", address.port()),
            None => address.to_string(),
        }
    }

    fn certificate(&self, address: SocketAddr) -> Certificate {
        if let (Some(chain), Some(key)) = (&self.tls_cert, &self.tls_key) {
            return Certificate::Site { chain: chain.clone(), key: key.clone(), ca: self.tls_ca.clone() };
        }
        let listens = (!address.ip().is_unspecified()).then(|| address.ip().to_string());
        Certificate::Own { hosts: self.host.iter().cloned().chain(listens).collect() }
    }
}

fn credentials_flag(state: &Path, role: Role) -> [String; 2] {
    let path = credentials_path(state, role);
    if !path.exists() {
        let name = role.name();
        tracing::warn!(path = %path.display(), "missing; `patchsweep token rotate --role {name}` makes it with a new token");
    }
    ["--credentials".to_owned(), path.display().to_string()]
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        gate: GateArgs,
    }

    fn args(line: &[&str]) -> GateArgs {
        Line::parse_from([&["serve"], line].concat()).gate
    }

    const ELSEWHERE: &str = "10.0.0.1:7070";

    fn url(line: &[&str], address: &str) -> String {
        let state = tempfile::tempdir().expect("a folder");
        let line = [line, &["--state", state.path().to_str().expect("a plain path")]].concat();
        let address = address.parse().expect("an address");
        let args = args(&line);
        args.refuse_bare(address).expect("allowed");
        args.open(address).expect("a gate").url
    }

    #[test]
    fn only_loopback_is_open_unless_forced() {
        assert_eq!(url(&[], "127.0.0.1:1"), "http://127.0.0.1:1");
        assert_eq!(url(&["--tls"], "[::1]:1"), "https://[::1]:1");
        assert_eq!(url(&[], ELSEWHERE), "https://10.0.0.1:7070");
        assert_eq!(url(&[], "0.0.0.0:7070"), "https://0.0.0.0:7070");
        assert_eq!(url(&["--insecure", "--force"], ELSEWHERE), "http://10.0.0.1:7070");
        let refused = args(&["--insecure"]).refuse_bare(ELSEWHERE.parse().expect("an address"));
        assert!(matches!(refused, Err(CliError::InsecureElsewhere { .. })));
    }

    #[test]
    fn others_dial_the_name_that_was_given_first_or_this_machines() {
        let dialled = |line: &[&str], address: &str| args(line).dialled(address.parse().expect("an address"));
        assert_eq!(dialled(&["--host", "a.example", "--host", "b"], "0.0.0.0:7"), "a.example:7");
        assert_eq!(dialled(&["--host", "fe80::1"], "0.0.0.0:7"), "[fe80::1]:7");
        assert_eq!(dialled(&[], ELSEWHERE), ELSEWHERE);
        assert_eq!(dialled(&[], "[::]:7"), format!("{}:7", host_name()));
    }
}
