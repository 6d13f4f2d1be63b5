//! What this machine lets a process have: memory and cores, within the limits of control groups and of Slurm; what tells
//! the process from others; and what its arithmetic's libraries are to be told.

mod cgroup;
pub mod memory;
pub mod name;
mod slurm;
pub mod threads;
pub mod variables;
