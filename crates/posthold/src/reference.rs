//! `docs/reference/commands.md`, from the definition of the command line.

use std::fmt::Write;

use clap::{Arg, Command};

/// The reference page.
pub(crate) fn page(command: &Command) -> String {
    let mut command = command.clone();
    command.build();
    let mut page = String::from(
        "# Commands\n\n\
         <!-- Made by `cargo xtask references --write` from the definition of the command line. \
         -->\n\n\
         Every command takes the options of [all commands](#all-commands), before or after its \
         name.\nAnswers for programs are described in [json.md](json.md).\n\n\
         | exit code | means |\n|---|---|\n\
         | 0 | all done |\n\
         | 1 | done in part: something was quarantined, not found, found damaged, or left for the \
         next run; the answer says what |\n\
         | 2 | the request or the configuration is wrong |\n\
         | 3 | it failed |\n\n\
         Messages that rules exclude, warnings, and an index that is not up to date are not \
         failures. The first\nCtrl-C (or SIGTERM) ends a command cleanly at a batch, with exit \
         code 1; the second ends it at once.\n\n\
         Environment: `POSTHOLD_DATA` (the data directory), `POSTHOLD_PASSWORD` (the password that \
         a command asks\nfor), `POSTHOLD_KEY` and `POSTHOLD_KEY_FILE` (the keys that kept \
         passwords are sealed with, or the file\nthat holds them), `POSTHOLD_TRACE` (what the \
         program says about itself on standard error: \
         `off`, `error`,\n`warn`, `info`, `debug` or `trace`).\n",
    );
    leaf_commands(&command, "posthold", &mut page);
    page.push_str("\n## All commands\n\n");
    let globals = command.get_arguments().filter(|it| it.is_global_set());
    arguments(globals, &mut page);
    page
}

fn leaf_commands(command: &Command, path: &str, page: &mut String) {
    for sub in command.get_subcommands().filter(|it| !it.is_hide_set() && it.get_name() != "help") {
        let path = format!("{path} {}", sub.get_name());
        if sub.has_subcommands() {
            leaf_commands(sub, &path, page);
        } else {
            one_command(sub, &path, page);
        }
    }
}

fn one_command(command: &Command, path: &str, page: &mut String) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = usage(command, path);
    // Writing to a string does not fail.
    let _ = write!(page, "\n## {path}\n\n{about}.\n\n    {usage}\n\n");
    let own = command
        .get_arguments()
        .filter(|it| !it.is_global_set() && !it.is_hide_set() && it.get_id() != "help");
    arguments(own, page);
}

fn usage(command: &Command, path: &str) -> String {
    let mut usage = path.to_owned();
    let is_shown = |it: &&Arg| !it.is_hide_set() && !it.is_global_set() && it.get_id() != "help";
    let mut has_options = false;
    for arg in command.get_arguments().filter(is_shown) {
        match (arg.is_positional(), arg.is_required_set()) {
            (true, true) => usage.push_str(&format!(" {}", signature(arg))),
            (true, false) => usage.push_str(&format!(" [{}]", signature(arg))),
            (false, true) => usage.push_str(&format!(" {}", signature(arg))),
            (false, false) => has_options = true,
        }
    }
    if has_options {
        usage.push_str(" [OPTIONS]");
    }
    usage
}

fn arguments<'a>(args: impl Iterator<Item = &'a Arg>, page: &mut String) {
    let rows: Vec<String> = args.map(row).collect();
    if !rows.is_empty() {
        page.push_str("| argument | means |\n|---|---|\n");
        page.extend(rows);
    }
}

fn row(arg: &Arg) -> String {
    let mut means = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let takes_value = arg.get_action().takes_values();
    let values: Vec<_> = if takes_value { arg.get_possible_values() } else { Vec::new() };
    if !values.is_empty() {
        let names: Vec<String> = values
            .iter()
            .map(|it| match it.get_help() {
                Some(help) => format!("`{}` ({help})", it.get_name()),
                None => format!("`{}`", it.get_name()),
            })
            .collect();
        let _ = write!(means, ": {}", names.join(", "));
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|it| it.to_string_lossy()).collect();
    if takes_value && !defaults.is_empty() {
        let _ = write!(means, " [default: {}]", defaults.join(" "));
    }
    format!("| `{}` | {} |\n", signature(arg), means.replace('|', "\\|"))
}

fn signature(arg: &Arg) -> String {
    let value = arg.get_value_names().and_then(|it| it.first()).map(ToString::to_string);
    let value = value.unwrap_or_else(|| arg.get_id().as_str().to_uppercase());
    let many = arg.get_num_args().is_some_and(|it| 1 < it.max_values());
    let value = if many { format!("{value}...") } else { value };
    match arg.get_long() {
        None => value,
        Some(long) if arg.get_action().takes_values() => format!("--{long} {value}"),
        Some(long) => format!("--{long}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_page_of_settings_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/settings.md");
        let stored = std::fs::read_to_string(path).unwrap_or_default();
        assert!(stored == settings::reference(), "run `cargo xtask references --write`");
    }

    #[test]
    fn the_reference_page_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/commands.md");
        let page = super::page(&crate::cli::command());
        let stored = std::fs::read_to_string(path).unwrap_or_default();
        assert!(stored == page, "run `cargo xtask references --write`");
    }
}
