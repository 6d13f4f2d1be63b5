//! What commands say and where, their exit codes, and how sweeps and settings are named: the real program against
//! coordinators whose workers are played.

mod commands {
    mod codes;
    mod colours;
    mod forms;
    mod json;
    mod pipes;
    mod remove;
    mod selectors;
    mod settings;
    mod shells;
    mod stage;
}
