//! Why a model does not come.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use patchsweep_core::model::ModelNameError;
use patchsweep_files::{ModelError, conversion};

/// Why a model does not come.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// `HF_ENDPOINT` is no address.
    #[error("`{endpoint}` in HF_ENDPOINT is no address of a hub, which begins with http:// or https://")]
    Endpoint {
        /// As it is set.
        endpoint: String,
    },
    /// No repository can be called that.
    #[error(transparent)]
    Name(#[from] ModelNameError),
    /// The hub must not be asked.
    #[error(
        "model `{repository}` at revision `{revision}` is not whole in the hub cache {}, and {variable} forbids to ask the \
         hub: unset it, or copy the model's folder into the cache", .cache.display()
    )]
    Offline {
        /// The repository.
        repository: String,
        /// The revision.
        revision: String,
        /// The cache.
        cache: PathBuf,
        /// Which variable.
        variable: &'static str,
    },
    /// Nobody answers.
    #[error(
        "cannot reach {host}; check the network, HTTPS_PROXY where there is a proxy, and HF_ENDPOINT where there is a mirror"
    )]
    Unreachable {
        /// Who does not answer.
        host: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// There is no such repository, or it is hidden from who asks.
    #[error("{endpoint} has no model `{repository}`, or hides it; check the name, and for a private one {}", token(*.has_token))]
    NoRepository {
        /// The hub.
        endpoint: String,
        /// The repository.
        repository: String,
        /// Whether a token was shown.
        has_token: bool,
    },
    /// It has no such revision.
    #[error("model `{repository}` has no revision `{revision}`; {page}/tree/main lists its branches and tags")]
    NoRevision {
        /// The repository.
        repository: String,
        /// The revision.
        revision: String,
        /// The repository's page.
        page: String,
    },
    /// Its owners want to know who reads it.
    #[error("model `{repository}` is gated: ask for access at {page}, then {}", token(*.has_token))]
    Gated {
        /// The repository.
        repository: String,
        /// The repository's page.
        page: String,
        /// Whether a token was shown.
        has_token: bool,
    },
    /// The hub does not know the token.
    #[error(
        "the hub does not know the token: make another one at {endpoint}/settings/tokens, for HF_TOKEN or `hf auth login`"
    )]
    Token {
        /// The hub.
        endpoint: String,
    },
    /// Nothing that is read here.
    #[error("model `{repository}` has no {file}; {}", next(.file))]
    NoFile {
        /// The repository.
        repository: String,
        /// What is missing.
        file: &'static str,
    },
    /// Weights that only PyTorch reads.
    #[error(
        "model `{repository}` has its weights as {file}, a format that only PyTorch reads; with its packages torch and \
         transformers this makes a model folder `{folder}` of it, for `path` in a spec: {}",
        conversion(.repository, .revision, .folder)
    )]
    OnlyPickle {
        /// The repository.
        repository: String,
        /// The revision.
        revision: String,
        /// The file.
        file: &'static str,
        /// The folder that is made.
        folder: String,
    },
    /// A config that is not known here, or an index that cannot be.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The hub has no time, or is broken.
    #[error("{host} is busy or down (status {status}); try again later")]
    Busy {
        /// Who answers.
        host: String,
        /// How.
        status: u16,
    },
    /// An answer that no hub gives.
    #[error("{address} answers with {what}; where HF_ENDPOINT names a mirror, check that it is one")]
    Answer {
        /// Who answers.
        address: String,
        /// What.
        what: String,
    },
    /// A transfer that breaks again and again.
    #[error(
        "{file} of model `{repository}` does not come: nothing came {tries} times in a row; the next fetch goes on from there"
    )]
    Broken {
        /// The file.
        file: String,
        /// The repository.
        repository: String,
        /// How often.
        tries: u32,
        /// The last reason.
        source: Box<HubError>,
    },
    /// What came is not what the hub has.
    #[error(
        "{file} of model `{repository}` came damaged twice: its hash is not the one that the hub says; try again, or through another network"
    )]
    Damaged {
        /// The file.
        file: String,
        /// The repository.
        repository: String,
    },
    /// A file of the cache.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Asked to stop.
    #[error("stopped; what has come is kept, and the next fetch goes on from there")]
    Cancelled,
}

fn token(has_token: bool) -> &'static str {
    if has_token {
        "see that the token (HF_TOKEN, or that of `hf auth login`) is of somebody who may read it"
    } else {
        "give a token of somebody who may read it: HF_TOKEN, or `hf auth login`"
    }
}

fn next(file: &str) -> &'static str {
    if file == "config.json" {
        "only repositories in the form of transformers can be used"
    } else {
        "weights are read as safetensors only: look for a repository of this model that has them"
    }
}

impl HubError {
    /// Whether it is the hub that cannot be reached, and neither the model nor who asks.
    #[must_use]
    pub fn is_of_network(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Busy { .. }
                | Self::Answer { .. }
                | Self::Broken { .. }
                | Self::Damaged { .. }
        )
    }

    /// Whether who asks is not let in.
    #[must_use]
    pub fn is_of_access(&self) -> bool {
        matches!(self, Self::Gated { .. } | Self::Token { .. })
    }
}
