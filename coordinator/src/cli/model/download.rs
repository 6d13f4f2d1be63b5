//! The model of a spec, fetched before a sweep of it begins.

use patchsweep_core::model::ModelRef;
use patchsweep_files::is_whole;
use patchsweep_files::locate::ModelFolders;
use patchsweep_plan::spec::Spec;

use super::fetch::from_hub;
use crate::cli::CliError;
use crate::cli::submission::Submission;

/// Brings a spec's model into the hub cache, if it is of the hub and not there. What is there is not asked for anew.
pub(in crate::cli) fn download(folders: &ModelFolders, submission: &Submission) -> Result<(), CliError> {
    let source = &submission.source;
    // What is wrong with it is reported when it is planned.
    let Ok(model) = Spec::parse(source).and_then(|spec| spec.model_ref(source)) else { return Ok(()) };
    let ModelRef::Hub { repository, revision } = &model else { return Ok(()) };
    if folders.locate(&model).is_ok_and(|folder| is_whole(&folder)) {
        return Ok(());
    }
    from_hub(repository, revision).map(|_| ())
}
