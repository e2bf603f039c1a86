//! Answers about presets, for programs.

use commands::PresetShown;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct PresetObject<'a> {
    name: &'a str,
    title: &'a str,
    host: &'a str,
    host_is_fixed: bool,
    endpoints: &'a [String],
    form: Option<&'a str>,
    identity: Option<&'a str>,
    folders: Vec<FolderObject<'a>>,
    excluded: &'a [String],
    hints: Vec<HintObject<'a>>,
    source: &'a str,
    guide: &'a str,
}

#[derive(Serialize)]
struct FolderObject<'a> {
    folder: &'a str,
    of: &'static str,
}

#[derive(Serialize)]
struct HintObject<'a> {
    at: &'static str,
    text: &'a str,
}

impl<'a> From<&'a PresetShown> for PresetObject<'a> {
    fn from(it: &'a PresetShown) -> PresetObject<'a> {
        let folders = it.folders.iter();
        let hints = it.hints.iter();
        PresetObject {
            name: &it.name,
            title: &it.title,
            host: &it.host,
            host_is_fixed: it.host_is_fixed,
            endpoints: &it.endpoints,
            form: it.form.as_deref(),
            identity: it.identity.as_deref(),
            folders: folders.map(|(folder, of)| FolderObject { folder, of }).collect(),
            excluded: &it.excluded,
            hints: hints.map(|(at, text)| HintObject { at, text }).collect(),
            source: &it.source,
            guide: &it.guide,
        }
    }
}
