//! What the hub and its host of large files answer.

use serde_json::{Value, json};

use super::http::{Answer, Cut};
use super::{Access, Asked, Fault, Files, Hub, MEMBER, STRANGER, State, etag};

impl Hub {
    pub(super) fn answer(&self, asked: Asked, elsewhere: bool) -> Answer {
        let mut state = self.state();
        let asked = Asked { elsewhere, ..asked };
        state.asked.push(asked.clone());
        if elsewhere { large(&state, &asked) } else { of_hub(&state, &asked) }
    }
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    let mut headers = vec![("X-Error-Message", message.to_owned())];
    if !code.is_empty() {
        headers.push(("X-Error-Code", code.to_owned()));
    }
    Answer { status, headers, body: json!({ "error": message }).to_string().into(), cut: None }
}

fn json_answer(value: &Value) -> Answer {
    let headers = vec![("Content-Type", "application/json".to_owned())];
    Answer { status: 200, headers, body: value.to_string().into(), cut: None }
}

fn of_hub(state: &State, asked: &Asked) -> Answer {
    let token = asked.authorization.as_deref().and_then(|header| header.strip_prefix("Bearer "));
    if token.is_some_and(|token| ![MEMBER, STRANGER].contains(&token)) {
        return refused(401, "", "Invalid credentials in Authorization header");
    }
    let path = asked.path.split('?').next().unwrap_or_default();
    let api = path.strip_prefix("/api/models/");
    let parts: Vec<&str> = api.unwrap_or(path.trim_start_matches('/')).split('/').collect();
    let [owner, name, what, revision, file @ ..] = &parts[..] else {
        return refused(404, "", "Sorry, we can't find the page you are looking for.");
    };
    let id = format!("{owner}/{name}");
    if let Some(to) = state.renamed.get(&id) {
        let headers = vec![("Location", asked.path.replacen(&id, to, 1))];
        return Answer { status: 307, headers, ..Answer::default() };
    }
    let is_member = token == Some(MEMBER);
    let repository = state.repositories.get(&id);
    let Some(repository) = repository.filter(|found| found.access != Access::Private || is_member) else {
        return no_repository(token);
    };
    let revision = revision.replace("%2F", "/");
    let commit = repository.branches.get(&revision).unwrap_or(&revision);
    let Some(files) = repository.commits.get(commit) else {
        return refused(404, "RevisionNotFound", &format!("Invalid rev id: {revision}"));
    };
    match (api, *what, file) {
        (Some(_), "revision", []) => info(&id, commit, files),
        (Some(_), "tree", []) => tree(files),
        (None, "resolve", [file]) if repository.access == Access::Gated && !is_member => {
            let status = if token.is_some() { 403 } else { 401 };
            refused(status, "GatedRepo", &format!("Access to {file} of {id} is restricted."))
        }
        (None, "resolve", [file]) => resolved(state, asked, commit, files, file),
        _ => refused(404, "", "Sorry, we can't find the page you are looking for."),
    }
}

/// A caller without a token learns nothing of it, not even whether it is there.
fn no_repository(token: Option<&str>) -> Answer {
    match token {
        Some(_) => refused(404, "RepoNotFound", "Repository not found"),
        None => refused(401, "RepoNotFound", "Invalid username or password."),
    }
}

fn info(id: &str, commit: &str, files: &Files) -> Answer {
    let siblings: Vec<Value> = files.keys().map(|name| json!({ "rfilename": name })).collect();
    json_answer(&json!({
        "_id": "0", "id": id, "modelId": id, "sha": commit, "private": false, "gated": false, "disabled": false,
        "tags": [], "downloads": 0, "likes": 0, "siblings": siblings,
    }))
}

fn tree(files: &Files) -> Answer {
    let entry = |(name, bytes): (&String, &Vec<u8>)| {
        let ((etag, is_large), size) = (etag(bytes), bytes.len());
        if !is_large {
            return json!({ "type": "file", "path": name, "size": size, "oid": etag });
        }
        let lfs = json!({ "oid": etag, "size": size, "pointerSize": 134 });
        json!({ "type": "file", "path": name, "size": size, "oid": &etag[..40], "lfs": lfs })
    };
    json_answer(&files.iter().map(entry).collect())
}

fn resolved(state: &State, asked: &Asked, commit: &str, files: &Files, name: &str) -> Answer {
    let Some(bytes) = files.get(name) else { return refused(404, "EntryNotFound", "Entry not found") };
    let (etag, is_large) = etag(bytes);
    let commit = ("X-Repo-Commit", commit.to_owned());
    if is_large {
        // The address is a secret: every program that has it may read.
        let location = format!("{}/{etag}?Signature=secret", state.elsewhere);
        let linked = ("X-Linked-Etag", format!("\"{etag}\""));
        let size = ("X-Linked-Size", bytes.len().to_string());
        return Answer {
            status: 302,
            headers: vec![commit, linked, size, ("Location", location)],
            ..Answer::default()
        };
    }
    part(bytes, vec![commit, ("ETag", format!("\"{etag}\""))], asked.range.as_deref())
}

/// A large file, from the host that has it.
fn large(state: &State, asked: &Asked) -> Answer {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    if asked.authorization.is_some() || query != "Signature=secret" {
        return refused(400, "", "Only one auth mechanism allowed");
    }
    let commits = state.repositories.values().flat_map(|repository| repository.commits.values());
    let mut blobs = commits.flat_map(|files| files.values());
    let Some(bytes) = blobs.find(|bytes| etag(bytes).0 == path.trim_start_matches('/')) else {
        return refused(404, "", "no such file");
    };
    let range = asked.range.as_deref().filter(|_| state.fault != Some(Fault::NoRanges));
    let mut answer = part(bytes, vec![("ETag", "\"of-the-other-host\"".to_owned())], range);
    match state.fault {
        Some(Fault::Breaks(most)) => answer.cut = Some(Cut::Break(most)),
        Some(Fault::Hangs(most)) => answer.cut = Some(Cut::Hang(most)),
        Some(Fault::Damages) => answer.body[0] ^= 1,
        Some(Fault::NoRanges) | None => {}
    }
    answer
}

/// All of a file, or what a header asks for.
fn part(bytes: &[u8], mut headers: Vec<(&'static str, String)>, range: Option<&str>) -> Answer {
    let Some((first, last)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        return Answer { status: 200, headers, body: bytes.to_vec(), cut: None };
    };
    let first: usize = first.parse().unwrap_or(0);
    let last = last.parse().unwrap_or(usize::MAX).min(bytes.len().saturating_sub(1));
    if first >= bytes.len() {
        headers.push(("Content-Range", format!("bytes */{}", bytes.len())));
        return Answer { status: 416, headers, ..Answer::default() };
    }
    headers.push(("Content-Range", format!("bytes {first}-{last}/{}", bytes.len())));
    Answer { status: 206, headers, body: bytes[first..=last].to_vec(), cut: None }
}
