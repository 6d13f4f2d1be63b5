//! Which lines are logged: `PATCHSWEEP_LOG`.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::LogError;

/// The level that the environment asks for. A misspelt one is an error: silence about what somebody wanted to see would
/// be found out too late.
pub(super) fn from_environment(variable: &'static str, default: &str) -> Result<EnvFilter, LogError> {
    match std::env::var_os(variable) {
        Some(value) if !value.is_empty() => parse(variable, &value.to_string_lossy()),
        _ => Ok(EnvFilter::new(default)),
    }
}

fn parse(variable: &'static str, value: &str) -> Result<EnvFilter, LogError> {
    let refused = |reason: String| LogError::Level { variable, value: value.to_owned(), reason };
    // The library takes a bare word for the name of a module, all of which is then logged.
    let bare = value.split(',').map(str::trim).filter(|part| !part.contains(['=', '[']));
    if let Some(word) = bare.into_iter().find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(refused(format!("`{word}` is no level")));
    }
    EnvFilter::builder().parse(value).map_err(|error| refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_all_and_of_parts_are_read() {
        for value in ["info", "WARN", "off", "patchsweep=debug,h2=warn", "warn,patchsweep_worker=trace"] {
            assert!(parse("PATCHSWEEP_LOG", value).is_ok(), "{value}");
        }
    }

    #[test]
    fn a_misspelt_level_is_refused_with_its_name() {
        for value in ["infoo", "patchsweep=debugg", "info,patchswep", "[", "a=b=c"] {
            let error = parse("PATCHSWEEP_LOG", value).expect_err(value).to_string();
            assert!(error.starts_with(&format!("PATCHSWEEP_LOG is `{value}`: ")), "{error}");
            assert!(error.contains("write error, warn"), "{error}");
        }
    }
}
