//! Lines of a dataset that are refused for one reason.

use super::PlanError;

/// Most lines that are listed.
const MOST_LISTED: usize = 10;

/// Lines that are refused for one reason: what is wrong with the first, and a few of the others in short.
#[derive(Debug, Default)]
pub(super) struct OddLines {
    /// Its number, and what is wrong with it.
    first: Option<(usize, String)>,
    listed: Vec<String>,
    count: usize,
}

impl OddLines {
    /// One more. `number`: that of the line. `short`: what tells it from the others.
    pub(super) fn add(&mut self, number: usize, why: impl FnOnce() -> String, short: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.is_none() {
            self.first = Some((number, why()));
        }
        if self.listed.len() < MOST_LISTED {
            self.listed.push(format!("\n  line {number}: {}", short()));
        }
    }

    /// Refuses the file if there are any, out of so many lines.
    pub(super) fn refuse(self, file: &str, lines: usize) -> Result<(), PlanError> {
        let Self { first, listed, count } = self;
        let Some((line, why)) = first else { return Ok(()) };
        let more = if count > listed.len() { "\n  .." } else { "" };
        let message = match count {
            1 => why,
            _ => format!("{why}\n{count} of {lines} lines are like it:{}{more}", listed.concat()),
        };
        Err(PlanError::Dataset { file: file.to_owned(), line, message })
    }
}

#[cfg(test)]
mod tests {
    use super::OddLines;

    fn refused(numbers: std::ops::Range<usize>) -> Option<String> {
        let mut odd = OddLines::default();
        numbers.for_each(|number| odd.add(number, || format!("{number} is odd"), || format!("{number} tokens")));
        odd.refuse("d.csv", 20).err().map(|error| error.to_string())
    }

    #[test]
    fn one_line_is_explained_and_of_several_the_first_ten_are_listed() {
        assert_eq!(refused(2..2), None);
        assert_eq!(refused(2..3).as_deref(), Some("d.csv line 2: 2 is odd"));
        let two = "d.csv line 2: 2 is odd\n2 of 20 lines are like it:\n  line 2: 2 tokens\n  line 3: 3 tokens";
        assert_eq!(refused(2..4).as_deref(), Some(two));
        let [ten, eleven] = [12, 13].map(|end| refused(2..end).expect("is refused"));
        assert!(ten.contains("10 of 20 lines") && ten.ends_with("\n  line 11: 11 tokens"), "{ten}");
        assert!(eleven.contains("11 of 20 lines") && eleven.ends_with("\n  line 11: 11 tokens\n  .."), "{eleven}");
    }
}
