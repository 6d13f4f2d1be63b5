//! Where the hub's cache and its token are, as `huggingface_hub` finds them.

use std::env;
use std::path::{Path, PathBuf};

/// Which folder `huggingface_hub` would use in this process's environment.
#[must_use]
pub fn folder() -> PathBuf {
    of_process(cache)
}

/// The file in which `hf auth login` leaves a token.
#[must_use]
pub fn token_file() -> PathBuf {
    of_process(token)
}

fn of_process(find: impl Fn(&Environment<'_>) -> String) -> PathBuf {
    let home = env::var_os("HOME").map_or_else(|| env::home_dir().unwrap_or_default(), PathBuf::from);
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    PathBuf::from(find(&Environment { home: &home.to_string_lossy(), variable: &variable }))
}

/// What they depend on. A variable that is set to nothing counts: its folder is the working directory.
struct Environment<'a> {
    home: &'a str,
    variable: &'a dyn Fn(&str) -> Option<String>,
}

fn cache(of: &Environment<'_>) -> String {
    let given = (of.variable)("HF_HUB_CACHE").or_else(|| (of.variable)("HUGGINGFACE_HUB_CACHE"));
    of.expanded(&given.unwrap_or_else(|| joined(&of.hf_home(), "hub")))
}

fn token(of: &Environment<'_>) -> String {
    of.expanded(&(of.variable)("HF_TOKEN_PATH").unwrap_or_else(|| joined(&of.hf_home(), "token")))
}

impl Environment<'_> {
    fn hf_home(&self) -> String {
        let cache = || (self.variable)("XDG_CACHE_HOME").unwrap_or_else(|| joined(&self.with_home("~"), ".cache"));
        self.expanded(&(self.variable)("HF_HOME").unwrap_or_else(|| joined(&cache(), "huggingface")))
    }

    /// `~` at the beginning, then variables.
    fn expanded(&self, path: &str) -> String {
        self.with_variables(&self.with_home(path))
    }

    /// A `~` at the beginning is the home folder; other people's (`~name`) stay as they are.
    fn with_home(&self, path: &str) -> String {
        match path.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                let whole = self.home.trim_end_matches('/').to_owned() + rest;
                if whole.is_empty() { "/".to_owned() } else { whole }
            }
            _ => path.to_owned(),
        }
    }

    /// `$NAME` and `${NAME}`; unknown ones stay, and what takes their place is not looked at again.
    fn with_variables(&self, path: &str) -> String {
        let mut whole = String::new();
        let mut rest = path;
        while let Some(dollar) = rest.find('$') {
            whole.push_str(&rest[..dollar]);
            rest = &rest[dollar..];
            let (written, name) = reference(rest);
            match (self.variable)(name).filter(|_| !name.is_empty()) {
                Some(value) => whole.push_str(&value),
                None => whole.push_str(written),
            }
            rest = &rest[written.len()..];
        }
        whole + rest
    }
}

/// The reference to a variable that a text begins with, as it is written, and the variable's name.
fn reference(text: &str) -> (&str, &str) {
    if let Some(braced) = text.strip_prefix("${") {
        return match braced.find('}') {
            Some(end) => (&text[..end + 3], &braced[..end]),
            None => (&text[..1], ""),
        };
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text[1..].find(|c| !is_part(c)).map_or(text.len(), |end| end + 1);
    (&text[..end], &text[1..end])
}

fn joined(folder: &str, name: &str) -> String {
    Path::new(folder).join(name).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn folder(home: &str, variables: &[(&str, &str)]) -> String {
        found(home, variables, cache)
    }

    fn found(home: &str, variables: &[(&str, &str)], find: fn(&Environment<'_>) -> String) -> String {
        let mut known: HashMap<_, _> = variables.iter().copied().collect();
        known.insert("HOME", home);
        let variable = |name: &str| known.get(name).map(|&value| value.to_owned());
        find(&Environment { home, variable: &variable })
    }

    const NAMES: [&str; 4] = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"];

    #[test]
    fn the_first_variable_of_four_counts() {
        // huggingface_hub 2.4.0 finds these, whatever is set behind the first one.
        let found = ["/hf_hub_cache", "/huggingface_hub_cache", "/hf_home/hub", "/xdg_cache_home/huggingface/hub"];
        for set in 1..1usize << NAMES.len() {
            let value = |name: &&'static str| (*name, format!("/{}", name.to_lowercase()));
            let set: Vec<_> = NAMES.iter().enumerate().filter(|(index, _)| set >> index & 1 == 1).collect();
            let values: Vec<_> = set.iter().map(|(_, name)| value(name)).collect();
            let values: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(folder("/home", &values), found[set[0].0], "{values:?}");
        }
        assert_eq!(folder("/home", &[]), "/home/.cache/huggingface/hub");
    }

    #[test]
    fn values_are_read_as_huggingface_hub_reads_them() {
        // What huggingface_hub 2.4.0 makes of each, on Python 3.11.
        let cases: [(&[(&str, &str)], &str); 21] = [
            (&[("HF_HUB_CACHE", "")], ""),
            (&[("HUGGINGFACE_HUB_CACHE", "")], ""),
            (&[("HF_HOME", "")], "hub"),
            (&[("XDG_CACHE_HOME", "")], "huggingface/hub"),
            (&[("HF_HUB_CACHE", "~/a")], "/home/me/a"),
            (&[("HUGGINGFACE_HUB_CACHE", "~/a")], "/home/me/a"),
            (&[("HF_HOME", "~/a")], "/home/me/a/hub"),
            (&[("HF_HOME", "~")], "/home/me/hub"),
            (&[("XDG_CACHE_HOME", "~/a")], "/home/me/a/huggingface/hub"),
            (&[("HF_HUB_CACHE", "rel/a")], "rel/a"),
            (&[("HF_HOME", "rel")], "rel/hub"),
            (&[("XDG_CACHE_HOME", "rel")], "rel/huggingface/hub"),
            (&[("HF_HUB_CACHE", "$HOME/a")], "/home/me/a"),
            (&[("HF_HOME", "${HOME}/a/$NOT/b")], "/home/me/a/$NOT/b/hub"),
            (&[("HF_HOME", "$A/x"), ("A", "~/q")], "/home/me/q/x/hub"),
            (&[("HF_HOME", "$A/x"), ("A", "$B"), ("B", "/b")], "/b/x/hub"),
            (&[("HF_HUB_CACHE", "$A/x"), ("A", "$B"), ("B", "/b")], "$B/x"),
            (&[("HF_HOME", "/a/")], "/a/hub"),
            (&[("HF_HOME", "a/~/b")], "a/~/b/hub"),
            (&[("HF_HUB_CACHE", "${HOME")], "${HOME"),
            (&[("HF_HUB_CACHE", "a$$HOME/${}$")], "a$/home/me/${}$"),
        ];
        for (variables, found) in cases {
            assert_eq!(folder("/home/me", variables), found, "{variables:?}");
        }
        assert_eq!(folder("", &[]), "/.cache/huggingface/hub");
        assert_eq!(folder("/h/", &[]), "/h/.cache/huggingface/hub");
    }

    #[test]
    fn the_token_is_where_a_login_leaves_it() {
        // What huggingface_hub 2.4.0 says of each.
        let file = |variables: &[(&str, &str)]| found("/home/me", variables, token);
        assert_eq!(file(&[]), "/home/me/.cache/huggingface/token");
        assert_eq!(file(&[("HF_HOME", "~/a"), ("HF_HUB_CACHE", "/b")]), "/home/me/a/token");
        assert_eq!(file(&[("HF_HOME", "/a"), ("HF_TOKEN_PATH", "~/$HOME/t")]), "/home/me//home/me/t");
    }
}
