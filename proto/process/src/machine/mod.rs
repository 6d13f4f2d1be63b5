//! What this machine lets a process have: memory and cores, within the limits of control groups and of Slurm; what tells
//! the process from others; and how its arithmetic threads wait for each other.

mod cgroup;
pub mod memory;
pub mod name;
mod slurm;
pub mod threads;
pub mod wait;
