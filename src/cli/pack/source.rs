//! The source of a release: flags, and the variables of CI services.

use crate::cli::{CliError, Kind};
use pgseal_verify::format::release_source::{Commit, ReleaseSource, SourceName};

/// Where the files come from.
#[derive(clap::Args, Debug)]
pub struct SourceArgs {
    /// Take repository, commit and builder from the variables of GitHub Actions or GitLab CI
    #[arg(long)]
    source_from_ci: bool,
    /// The repository of the files, as a URL
    #[arg(long, value_name = "URL")]
    source_repository: Option<SourceName>,
    /// The commit of that repository
    #[arg(long, value_name = "COMMIT")]
    source_commit: Option<Commit>,
    /// The program or workflow that packs, as a URL
    #[arg(long, value_name = "URL")]
    source_builder: Option<SourceName>,
}

impl SourceArgs {
    /// The source by these arguments. A flag precedes the service's variables.
    pub fn source(&self) -> Result<Option<ReleaseSource>, CliError> {
        let of_flags = ReleaseSource::new(
            self.source_repository.clone(),
            self.source_commit.clone(),
            self.source_builder.clone(),
        );
        if !self.source_from_ci {
            return Ok(of_flags.ok());
        }
        let of_ci = from_ci(&|name| std::env::var(name).ok())?;
        Ok(Some(match of_flags {
            Ok(of_flags) => of_ci.overridden_by(of_flags),
            Err(_) => of_ci,
        }))
    }
}

/// The source by the variables of the CI service. The builder is the workflow and not its run, so that
/// another runner packs the same bytes.
// docs/decisions/094
fn from_ci(variable: &dyn Fn(&str) -> Option<String>) -> Result<ReleaseSource, CliError> {
    let is_true = |name: &str| variable(name).as_deref() == Some("true");
    let get = |name: &str| {
        let value = variable(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| wrong(name, "the CI service did not set it"))
    };
    let (repository, commit, builder) = if is_true("GITHUB_ACTIONS") {
        let server = get("GITHUB_SERVER_URL")?;
        (
            format!("{server}/{}", get("GITHUB_REPOSITORY")?),
            ("GITHUB_SHA", get("GITHUB_SHA")?),
            format!("{server}/{}", get("GITHUB_WORKFLOW_REF")?),
        )
    } else if is_true("GITLAB_CI") {
        let project = get("CI_PROJECT_URL")?;
        let named =
            |kind: &str, name: &str| variable(name).map(|name| format!("refs/{kind}/{name}"));
        let reference = named("tags", "CI_COMMIT_TAG")
            .or_else(|| variable("CI_MERGE_REQUEST_REF_PATH"))
            .or_else(|| named("heads", "CI_COMMIT_BRANCH"));
        let reference =
            reference.ok_or_else(|| wrong("CI_COMMIT_BRANCH", "the CI service did not set it"))?;
        let builder = format!("{project}//{}@{reference}", get("CI_CONFIG_PATH")?);
        (project, ("CI_COMMIT_SHA", get("CI_COMMIT_SHA")?), builder)
    } else {
        return Err(CliError::usage(
            "--source-from-ci: neither GITHUB_ACTIONS nor GITLAB_CI is true",
        )
        .hint("name the source by --source-repository and --source-commit"));
    };
    let name = |text: &str| -> Result<SourceName, CliError> {
        text.parse()
            .map_err(|error| CliError::usage(format!("--source-from-ci: {error}")))
    };
    let (commit_name, commit) = commit;
    let commit = commit.parse().map_err(|error| wrong(commit_name, error))?;
    let source = ReleaseSource::new(
        Some(name(&repository)?),
        Some(commit),
        Some(name(&builder)?),
    );
    source.map_err(CliError::internal)
}

fn wrong(name: &str, why: impl std::fmt::Display) -> CliError {
    CliError::new(Kind::Usage, format!("--source-from-ci: {name}: {why}"))
        .hint("name the source by --source-repository and --source-commit")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<String, String> {
        let get = |name: &str| {
            let mut all = variables.iter();
            all.find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let source = from_ci(&get).map_err(|error| error.lines.join("\n"))?;
        Ok(source.to_string())
    }

    #[test]
    fn each_service_names_repository_commit_and_workflow() {
        let commit = "5c2c9f4a0b1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f";
        let github = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_SHA", commit),
            (
                "GITHUB_WORKFLOW_REF",
                "acme/shop/.github/workflows/pgseal.yml@refs/tags/v1",
            ),
        ];
        let by = "https://github.com/acme/shop/.github/workflows/pgseal.yml@refs/tags/v1";
        let expected = format!("https://github.com/acme/shop, commit {commit}, built by {by}");
        assert_eq!(of(&github), Ok(expected));
        let gitlab = [
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_URL", "https://gitlab.example/acme/shop"),
            ("CI_COMMIT_SHA", commit),
            ("CI_CONFIG_PATH", ".gitlab-ci.yml"),
            ("CI_COMMIT_BRANCH", "main"),
        ];
        let by = "https://gitlab.example/acme/shop//.gitlab-ci.yml@refs/heads/main";
        let expected = format!("https://gitlab.example/acme/shop, commit {commit}, built by {by}");
        assert_eq!(of(&gitlab), Ok(expected));
        for service in [&github[..], &gitlab] {
            for at in 0..service.len() {
                let mut less = service.to_vec();
                less.remove(at);
                assert!(of(&less).is_err(), "{less:?}");
            }
        }
        let mut wrong = github;
        wrong[3].1 = "main";
        let error = of(&wrong).expect_err("refused");
        assert!(
            error.contains("GITHUB_SHA") && error.contains("is no commit"),
            "{error}"
        );
    }
}
