//! What iterations are called.

use super::{Inputs, PlanError};
use crate::spec::Spanned;

/// One for each of the spec's iterations, no two alike: results are looked up, and sweeps compared, by them.
pub(super) fn read(inputs: &Inputs<'_>) -> Result<Vec<String>, PlanError> {
    let mut labels: Vec<String> = Vec::new();
    for (index, iteration) in inputs.spec.iteration.iter().enumerate() {
        let given = iteration.label.as_ref();
        let label = given.map_or_else(|| format!("Iteration {index}"), |given| given.get_ref().clone());
        if let Some(first) = labels.iter().position(|other| *other == label) {
            let place = given.map_or_else(|| iteration.read.span(), Spanned::span);
            let message = format!("iterations {first} and {index} are both called `{label}`: give one another `label`");
            return Err(inputs.source.error(place, message).into());
        }
        labels.push(label);
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::super::example::{plan, refusal};

    fn labelled(first: &str, second: &str) -> [(&'static str, String); 2] {
        let second = format!("[[iteration]]\n{second}corrupt = [1]\nread = 3\n[[grid]]");
        [("[[iteration]]", format!("[[iteration]]\n{first}")), ("[[grid]]", second)]
    }

    #[test]
    fn no_two_iterations_have_one_label() {
        for (first, second, place) in [
            ("label = \"x\"\n", "label = \"x\"\n", "line 19, column 9"),
            ("label = \"Iteration 1\"\n", "", "line 20, column 8"),
        ] {
            let changes = labelled(first, second);
            let refused = refusal(&changes.each_ref().map(|(from, to)| (*from, to.as_str())));
            assert!(refused.contains(place) && refused.contains("iterations 0 and 1 are both called `"), "{refused}");
        }
        let changes = labelled("label = \"x\"\n", "label = \"y\"\n");
        let plan = plan(&changes.each_ref().map(|(from, to)| (*from, to.as_str())));
        assert_eq!(plan.iteration_labels, ["x", "y"]);
    }
}
