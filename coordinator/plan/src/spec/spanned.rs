//! A value and where it stands.

use std::borrow::Cow;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

/// A value and its place in the text: TOML's, with the value's own schema.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Spanned<T>(toml::Spanned<T>);

impl<T> Spanned<T> {
    /// The bytes of the text that hold the value.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.0.span()
    }

    /// From here on, this stands there.
    pub(super) fn set(&mut self, value: T) {
        *self.0.get_mut() = value;
    }

    /// The value, to be changed.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// What does not stand in the text, but belongs to what stands there.
    pub(super) fn beside<U>(other: &Spanned<U>, value: T) -> Self {
        Self(toml::Spanned::new(other.span(), value))
    }

    /// The value.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        self.0.get_ref()
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
