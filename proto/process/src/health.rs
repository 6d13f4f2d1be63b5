//! Whether a process can do its work now.

use std::sync::{Arc, Mutex, PoisonError};

/// Set by the process, asked for over HTTP; clones share it.
#[derive(Clone, Debug)]
pub struct Health(Arc<Mutex<Option<String>>>);

impl Health {
    /// Not ready yet, for this reason.
    #[must_use]
    pub fn waiting_for(reason: &str) -> Self {
        Self(Arc::new(Mutex::new(Some(reason.to_owned()))))
    }

    /// Ready from now on.
    pub fn set_ready(&self) {
        self.set(None);
    }

    /// Not ready from now on, for this reason.
    pub fn set_unready(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    /// Why it is not ready; `None` if it is.
    #[must_use]
    pub fn unready(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, unready: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = unready;
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::waiting_for("starting")
    }
}
