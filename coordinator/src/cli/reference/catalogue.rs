//! Which fields each command has in its JSON.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::cli::output::Object;
use crate::cli::{
    check, completions, config, explain, init, man, model, plan, report, results, serve, sweeps, token, top, workers,
};

/// Fields that commands have in common.
pub(super) struct CommandFields {
    /// Their names.
    pub(super) commands: &'static [&'static str],
    /// The types of their fields, one after the other.
    pub(super) forms: Vec<Form>,
}

/// The fields of a type.
pub(super) struct Form {
    /// As JSON schema.
    pub(super) schema: Value,
    /// When a command has them, where that is not always.
    pub(super) only: Option<&'static str>,
}

/// Of all commands. What stands in every object is listed under the program's own name.
pub(super) fn catalogue() -> Vec<CommandFields> {
    let all = |commands, forms| CommandFields { commands, forms };
    vec![
        all(&["patchsweep"], vec![always::<Object>()]),
        all(&["patchsweep init"], vec![always::<init::InitFields>()]),
        all(
            &["patchsweep run"],
            vec![
                always::<results::WrittenFields>(),
                always::<top::TopFields>(),
                only::<check::CheckFields>("with `--check`"),
            ],
        ),
        all(&["patchsweep model show"], vec![always::<model::ShowFields>()]),
        all(&["patchsweep model fetch"], vec![always::<model::FetchFields>()]),
        all(&["patchsweep plan"], vec![always::<plan::PlanFields>()]),
        all(&["patchsweep serve"], vec![always::<serve::ServeFields>()]),
        all(&["patchsweep token rotate"], vec![always::<token::RotateFields>()]),
        all(
            &["patchsweep submit"],
            vec![always::<sweeps::SubmitFields>(), only::<sweeps::SweepsFields>("with `--wait`")],
        ),
        all(
            &[
                "patchsweep list",
                "patchsweep status",
                "patchsweep watch",
                "patchsweep cancel",
                "patchsweep resume",
                "patchsweep remove",
            ],
            vec![always::<sweeps::SweepsFields>()],
        ),
        all(&["patchsweep workers"], vec![always::<workers::WorkersFields>()]),
        all(&["patchsweep drain"], vec![always::<workers::DrainFields>()]),
        all(&["patchsweep explain"], vec![always::<explain::ExplainFields>()]),
        all(&["patchsweep results"], vec![always::<results::WrittenFields>()]),
        all(&["patchsweep check"], vec![always::<check::CheckFields>()]),
        all(&["patchsweep top"], vec![always::<top::TopFields>()]),
        all(&["patchsweep report"], vec![always::<report::ReportFields>()]),
        all(&["patchsweep config show"], vec![always::<config::ShowFields>()]),
        all(&["patchsweep config path"], vec![always::<config::PathFields>()]),
        all(&["patchsweep completions"], vec![always::<completions::CompletionsFields>()]),
        all(&["patchsweep man"], vec![always::<man::ManFields>()]),
    ]
}

fn always<T: JsonSchema>() -> Form {
    let mut settings = SchemaSettings::draft07().for_serialize();
    settings.inline_subschemas = true;
    Form { schema: settings.into_generator().into_root_schema_for::<T>().into(), only: None }
}

fn only<T: JsonSchema>(when: &'static str) -> Form {
    Form { only: Some(when), ..always::<T>() }
}
