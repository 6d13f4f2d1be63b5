//! What the scores are: against brute force, against `TransformerLens`, and against what must hold of any sweep.

mod arithmetic;
mod brute_force;
mod check;
mod devices;
mod embedded;
mod exactness;
mod families;
mod groups;
mod guests;
mod interventions;
mod metric_sets;
mod overflow;
mod properties;
mod reference;
mod replicates;
mod retrained;
mod unembedding;
