//! `patchsweep model`: what a model is, and how it comes here.

mod show;
