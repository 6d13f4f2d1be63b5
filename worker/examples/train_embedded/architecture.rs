//! A model's dimensions, and how large its weights are before training.

/// What a GPT-2 model's `config.json` says about its shape, and its initial weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Architecture {
    pub(crate) layers: i64,
    pub(crate) heads: i64,
    /// The width of the residual stream.
    pub(crate) width: i64,
    pub(crate) positions: i64,
    pub(crate) vocabulary: i64,
    pub(crate) layer_norm_epsilon: f64,
    pub(crate) initial: Initial,
}

/// Standard deviations of initial weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Initial {
    /// Of the embeddings.
    pub(crate) embedding: f64,
    /// Whether positions begin as sines and cosines of different wavelengths, with that deviation: one linear map then takes
    /// each position to the one before.
    pub(crate) waves: bool,
    /// Of a linear map that reads the residual stream.
    pub(crate) reading: f64,
    /// Of one with so many inputs that is added to the residual stream.
    pub(crate) adding: fn(inputs: i64, layers: i64) -> f64,
}
