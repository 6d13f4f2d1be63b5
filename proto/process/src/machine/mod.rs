//! What this machine lets a process have: memory and cores, within the limits of control groups and of Slurm, and 16-bit arithmetic; what
//! distinguishes the process from others; and variables for its arithmetic's libraries.

mod cgroup;
pub mod half;
pub mod memory;
pub mod name;
mod slurm;
pub mod threads;
pub mod variables;
