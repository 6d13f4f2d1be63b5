//! A number, or a list of them.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, SeqAccess, Unexpected, Visitor};

/// What a spec gives as a number or as a list of numbers.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum OneOrMore<T> {
    /// `5`
    One(T),
    /// `[5, 6]`
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    /// The numbers as written.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Numbers(PhantomData))
    }
}

/// By hand, because serde's untagged enums forget what was wrong with a number in a list, and where.
struct Numbers<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Numbers<T> {
    type Value = OneOrMore<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or a list of whole numbers")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        T::deserialize(number.into_deserializer()).map(OneOrMore::One)
    }

    fn visit_str<E: Error>(self, words: &str) -> Result<Self::Value, E> {
        // What takes words is one of a few, all others want numbers.
        let one = T::deserialize(words.into_deserializer());
        one.map(OneOrMore::One).map_err(|_: E| E::invalid_type(Unexpected::Str(words), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMore::More)
    }
}
