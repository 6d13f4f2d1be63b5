//! What the programs say, where, and how they end: the real ones, against coordinators whose workers are real or played.

mod bad_input;
mod codes;
mod colours;
mod families;
mod forms;
mod init;
mod json;
mod logs;
mod model;
mod monitoring;
mod pipes;
mod remove;
mod selectors;
mod settings;
mod shells;
mod stage;
mod watch;
mod watching;
