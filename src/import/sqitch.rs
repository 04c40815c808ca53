//! Sqitch: a plan with tags, dependencies and reworked changes; deploy, revert and verify scripts.

use std::collections::{BTreeMap, BTreeSet};

use super::ImportError;
use super::files::{Source, stays_below};
use super::project::{Change, Open, Project, Script, Tool};

const CONF: &str = "sqitch.conf";

/// Directories that `sqitch.conf` may move.
struct Dirs {
    plan: String,
    deploy: String,
    revert: String,
    verify: String,
}

/// A line of the plan.
struct Planned {
    name: String,
    line: u32,
    needs: Vec<String>,
    note: String,
    /// Tags between it and the next change.
    tags: Vec<String>,
}

pub fn read(source: &Source) -> Result<Project, ImportError> {
    let mut project = Project::new(Tool::Sqitch);
    let conf = source.optional(CONF)?.unwrap_or_default();
    let dirs = configure(&mut project, &conf)?;
    let plan = plan(&mut project, &dirs.plan, &source.text(&dirs.plan)?)?;
    let mut foreign = BTreeSet::new();
    for (at, planned) in plan.iter().enumerate() {
        let rework = plan[at + 1..]
            .iter()
            .position(|later| later.name == planned.name);
        let until = rework.map_or(plan.len(), |next| at + 1 + next);
        // `@v1` up to the next change of that name, which reworks it.
        let tags: Vec<&String> = plan[at..until]
            .iter()
            .flat_map(|planned| &planned.tags)
            .collect();
        let file = |dir_name: &str| -> Result<Option<Script>, ImportError> {
            let mut names = vec![format!("{dir_name}/{}.sql", planned.name)];
            if rework.is_some() {
                let tagged = tags.iter().rev();
                names = tagged
                    .map(|tag| format!("{dir_name}/{}@{tag}.sql", planned.name))
                    .collect();
            }
            for name in names {
                if let Some(content) = source.optional(&name)? {
                    return Ok(Some(Script::whole(&name, content)));
                }
            }
            Ok(None)
        };
        let up = file(&dirs.deploy)?.ok_or_else(|| ImportError::At {
            file: dirs.plan.clone(),
            line: planned.line,
            why: format!("{} has no deploy script in {}", planned.name, dirs.deploy),
        })?;
        let mut change = Change::new(&planned.name, &planned.name, up);
        change.note = planned.note.clone();
        change.down = file(&dirs.revert)?;
        change.verify = file(&dirs.verify)?;
        // The newest change of a name is meant by the name alone.
        if rework.is_some() {
            change.ids.clear();
            change.ids.push(format!(
                "{}@{}",
                planned.name,
                tags.first().map_or("", |tag| tag.as_str())
            ));
        }
        change
            .ids
            .extend(planned.tags.iter().map(|tag| format!("@{tag}")));
        change
            .ids
            .extend(tags.iter().map(|tag| format!("{}@{tag}", planned.name)));
        change.open = needs(&dirs.plan, planned, &plan[..at], &mut foreign);
        project.changes.push(change);
    }
    match project.changes.is_empty() {
        true => Err(ImportError::Empty {
            path: source.root.join(&dirs.plan),
            tool: Tool::Sqitch,
            expected: "a change in the plan",
        }),
        false => Ok(project),
    }
}

/// Dependencies that the order of the plan does not satisfy; those on another project once.
fn needs(
    file: &str,
    planned: &Planned,
    before: &[Planned],
    foreign: &mut BTreeSet<String>,
) -> Vec<Open> {
    let has = |name: &str| {
        let (change, tag) = name.split_once('@').unwrap_or((name, ""));
        let tagged = || {
            before
                .iter()
                .any(|planned| planned.tags.iter().any(|known| known == tag))
        };
        let named = || before.iter().any(|planned| planned.name == change);
        (change.is_empty() || named()) && (tag.is_empty() || tagged())
    };
    let open = |text: String| Open {
        file: file.to_owned(),
        line: planned.line,
        text,
    };
    let judged = planned.needs.iter().filter_map(|need| {
        if let Some(conflict) = need.strip_prefix('!') {
            let text = format!("{} conflicts with {conflict}", planned.name);
            return has(conflict).then(|| open(text));
        }
        if let Some((project, _)) = need.split_once(':') {
            if !foreign.insert(project.to_owned()) {
                return None;
            }
            let text = format!(
                "{} needs {need} of another project: name the release of {project} in [release] requires",
                planned.name
            );
            return Some(open(text));
        }
        let text = format!(
            "{} needs {need}, which is not before it in the plan",
            planned.name
        );
        (!has(need)).then(|| open(text))
    });
    judged.collect()
}

fn plan(project: &mut Project, file: &str, text: &str) -> Result<Vec<Planned>, ImportError> {
    let mut plan: Vec<Planned> = Vec::new();
    let mut tags = BTreeSet::new();
    for (line, number) in text.lines().zip(1_u32..) {
        let wrong = |why: String| ImportError::At {
            file: file.to_owned(),
            line: number,
            why,
        };
        let line = line.trim();
        if let Some(pragma) = line.strip_prefix('%') {
            if let Some(name) = pragma.strip_prefix("project=") {
                project.history_table = name.trim().to_owned();
            }
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (head, note) = match line.split_once(" # ") {
            Some((head, note)) => (head, note.trim()),
            None => (line.trim_end_matches(" #"), ""),
        };
        let (name, rest) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
        if let Some(tag) = name.strip_prefix('@') {
            let last = plan
                .last_mut()
                .ok_or_else(|| wrong("a tag before the first change".to_owned()))?;
            last.tags.push(tag.to_owned());
            if !tags.insert(tag.to_owned()) {
                return Err(wrong(format!("the plan has the tag @{tag} already")));
            }
            continue;
        }
        if name.starts_with('-') {
            return Err(wrong("a change that is taken back in the plan".to_owned()));
        }
        let rest = rest.trim_start();
        let needs = match rest.strip_prefix('[') {
            Some(list) => list.split_once(']').map_or("", |(list, _)| list),
            None => "",
        };
        let name = name.trim_start_matches('+');
        if name.is_empty() || !stays_below(name) {
            return Err(wrong(
                "the change's name leads out of the directory".to_owned(),
            ));
        }
        let first = plan.iter().rposition(|planned| planned.name == name);
        if first.is_some_and(|at| plan[at..].iter().all(|planned| planned.tags.is_empty())) {
            return Err(wrong(format!(
                "{name} is in the plan twice, without a tag between"
            )));
        }
        plan.push(Planned {
            name: name.to_owned(),
            line: number,
            needs: needs.split_whitespace().map(str::to_owned).collect(),
            note: note.to_owned(),
            tags: Vec::new(),
        });
    }
    Ok(plan)
}

/// Reads directories, registry and target of `sqitch.conf`.
fn configure(project: &mut Project, conf: &str) -> Result<Dirs, ImportError> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    let mut section = String::new();
    for (line, number) in conf.lines().map(str::trim).zip(1_u32..) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            section = name.replace(['"', '\t'], "").replace(' ', ".");
        } else if let Some((key, value)) = line.split_once('=')
            && !line.starts_with(['#', ';'])
        {
            let key = format!("{section}.{}", key.trim());
            let value = value.trim().trim_matches('"');
            let is_path = ["_dir", "_file"].iter().any(|ending| key.ends_with(ending));
            if is_path && !stays_below(value) {
                return Err(ImportError::At {
                    file: CONF.to_owned(),
                    line: number,
                    why: format!("{value} leads out of the directory"),
                });
            }
            values.insert(key, value.to_owned());
        }
    }
    let get = |key: &str| {
        values
            .get(key)
            .map(|value| value.trim_end_matches('/').to_owned())
    };
    if let Some(registry) = get("engine.pg.registry") {
        project.history_schema = registry;
    }
    let target = get("engine.pg.target").unwrap_or_default();
    let uri = get(&format!("target.{target}.uri")).unwrap_or(target);
    if uri.starts_with("db:") {
        let path = uri.split('?').next().unwrap_or_default();
        let database = path.rsplit(['/', ':']).next().unwrap_or_default();
        project.database = Some(database.to_owned()).filter(|name| !name.is_empty());
    }
    let top = get("core.top_dir").filter(|top| top != ".");
    let below = |name: &str| match &top {
        Some(top) => format!("{top}/{name}"),
        None => name.to_owned(),
    };
    let of = |key: &str, name: &str| get(&format!("core.{key}")).unwrap_or_else(|| below(name));
    Ok(Dirs {
        plan: of("plan_file", "sqitch.plan"),
        deploy: of("deploy_dir", "deploy"),
        revert: of("revert_dir", "revert"),
        verify: of("verify_dir", "verify"),
    })
}
