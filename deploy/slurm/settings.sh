# What the three scripts have in common; edit it once. Sourced by them, from the folder that `sbatch` is called in.

# The programs, where they are not on PATH: the folder that `make dist` makes has them in bin/.
export PATH="${PATCHSWEEP_BIN:+$PATCHSWEEP_BIN:}$PATH"
# On a file system that all nodes see: sweeps, certificates and tokens of the coordinator.
export PATCHSWEEP_STATE="${PATCHSWEEP_STATE:-$SLURM_SUBMIT_DIR/patchsweep-state}"
# Model folders; the hub cache is looked at as well (HF_HOME, HF_HUB_CACHE).
PATCHSWEEP_MODELS="${PATCHSWEEP_MODELS:-$SLURM_SUBMIT_DIR}"
# cuda:0 is the GPU that Slurm gave the task, whatever its number is. `cpu` for a try without one.
PATCHSWEEP_DEVICE="${PATCHSWEEP_DEVICE:-cuda:0}"
