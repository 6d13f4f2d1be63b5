//! What a caught panic of the engine says. libtorch reports all its errors so: `tch` unwraps them.

use std::any::Any;

use patchsweep_process::panics;

/// What stands before libtorch's own words.
const TORCH: &str = "Torch(\"";
/// What libtorch puts behind its words: where in its C++ the error came from, and a stack.
const ORIGIN: &str = "Exception raised from";

/// For people, in one line: of libtorch's errors their own words, without the C++ that they came through.
#[must_use]
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panics::text(panic).unwrap_or_default();
    let words = text.strip_prefix(TORCH).map_or_else(|| text.to_owned(), unescaped);
    panics::first_line(words.split(ORIGIN).next().unwrap_or(&words))
}

/// The text of an error is that of `Debug`, in quotes.
fn unescaped(text: &str) -> String {
    text.trim_end_matches("\")").replace("\\n", "\n").replace("\\\"", "\"").replace("\\'", "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        let of = |text: &'static str| message(&text);
        assert_eq!(of("unlucky\nand more"), "unlucky");
        let unwrapped =
            "called `Result::unwrap()` on an `Err` value: Torch(\"\\nsaid \\\"no\\\". \\nException raised from f\")";
        assert_eq!(of(unwrapped), "said \"no\".");
    }

    #[cfg(feature = "tch")]
    #[test]
    fn of_libtorch_it_has_the_words_and_not_the_stack() {
        use tch::{Device, Kind, Tensor};

        let zeros = || Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        let panic = std::panic::catch_unwind(|| zeros().matmul(&zeros())).expect_err("shapes that do not fit");
        assert_eq!(message(panic.as_ref()), "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)");
    }
}
