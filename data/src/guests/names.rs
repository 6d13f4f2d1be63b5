//! The names of guests.

/// First names, one per line, sorted.
pub const FIRST_NAMES: &str = include_str!("../../first-names.txt");

/// Surnames, one per line, sorted.
pub const SURNAMES: &str = include_str!("../../surnames.txt");

/// The names of a list.
#[must_use]
pub fn names(list: &'static str) -> Vec<&'static str> {
    list.lines().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_equally_long() {
        for list in [FIRST_NAMES, SURNAMES] {
            assert!(names(list).is_sorted_by(|one, next| one < next));
            assert_eq!(names(list).len(), 40);
        }
    }

    #[test]
    fn no_name_stands_in_another_so_that_its_text_is_found_where_it_is_meant() {
        let all = [names(FIRST_NAMES), names(SURNAMES)].concat();
        for name in &all {
            assert_eq!(all.iter().filter(|other| other.contains(name)).count(), 1, "{name}");
        }
    }
}
