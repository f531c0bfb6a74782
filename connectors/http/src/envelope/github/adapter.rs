//! The table of the adapter: what each event of GitHub's becomes, where it differs from the rest.

/// How one event of GitHub's is mapped. Fields are paths into the payload.
#[derive(Debug)]
pub(super) struct Adapter {
    /// As the adapter calls it, where GitHub's header calls it otherwise.
    pub(super) name: Option<&'static str>,
    /// What follows the name in `type`.
    pub(super) suffix: &'static [&'static str],
    pub(super) source: Source,
    pub(super) subject: Option<&'static str>,
    /// The first that is there.
    pub(super) time: &'static [&'static str],
}

/// What `source` is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// One field.
    Field(&'static str),
    /// Two fields with a slash between them.
    Pair(&'static str, &'static str),
    /// One field without its last path segment.
    Parent(&'static str),
    Literal(&'static str),
}

const ACTION: &[&str] = &["action"];
const REPOSITORY: Source = Source::Field("repository.url");
const OWNER: Source = Source::Field("repository.owner.url");
const ORGANIZATION: Source = Source::Field("organization.url");
const ACCOUNT: Source = Source::Field("installation.account.url");
const PURCHASER: Source = Source::Parent("sender.url");
/// "Current time" in the adapter.
const NOW: &[&str] = &[];

const fn row(
    suffix: &'static [&'static str],
    source: Source,
    subject: &'static str,
    time: &'static [&'static str],
) -> Adapter {
    let subject = if subject.is_empty() { None } else { Some(subject) };
    Adapter { name: None, suffix, source, subject, time }
}

const fn named(name: &'static str, row: Adapter) -> Adapter {
    Adapter { name: Some(name), ..row }
}

static UNKNOWN: Adapter = row(ACTION, REPOSITORY, "", NOW);

/// Sorted by the name in GitHub's header.
static ADAPTERS: &[(&str, Adapter)] = &[
    ("check_run", row(ACTION, REPOSITORY, "check_run.id", &["check_run.completed_at", "check_run.started_at"])),
    ("check_suite", row(ACTION, REPOSITORY, "check_suite.id", &["check_suite.updated_at"])),
    (
        "commit_comment",
        row(ACTION, Source::Pair("comment.url", "comment.commit_id"), "comment.id", &["comment.updated_at"]),
    ),
    ("content_reference", row(ACTION, REPOSITORY, "content_reference.id", NOW)),
    ("create", row(&["ref_type"], REPOSITORY, "ref", NOW)),
    ("delete", row(&["ref_type"], REPOSITORY, "ref", NOW)),
    ("deploy_key", row(ACTION, REPOSITORY, "key.id", &["key.deleted_at", "key.created_at"])),
    ("deployment", row(&[], REPOSITORY, "deployment.id", &["deployment.updated_at"])),
    (
        "deployment_status",
        row(
            &["deployment_status.state"],
            Source::Field("deployment.url"),
            "deployment_status.url",
            &["deployment_status.updated_at"],
        ),
    ),
    ("fork", row(&[], REPOSITORY, "forkee.url", &["forkee.created_at"])),
    ("github_app_authorization", row(&[], Source::Field("sender.url"), "", NOW)),
    ("gollum", row(&[], REPOSITORY, "", NOW)),
    ("installation", row(ACTION, ACCOUNT, "installation.id", &["installation.updated_at"])),
    (
        "installation_repositories",
        named("installation_repository", row(ACTION, ACCOUNT, "installation.id", &["installation.updated_at"])),
    ),
    ("issue_comment", row(ACTION, Source::Field("issue.url"), "comment.id", &["comment.updated_at"])),
    ("issues", named("issue", row(ACTION, REPOSITORY, "issue.number", &["issue.updated_at"]))),
    ("label", row(ACTION, REPOSITORY, "label.name", NOW)),
    ("marketplace_purchase", row(ACTION, PURCHASER, "marketplace_purchase.account.login", &["effective_date"])),
    ("member", row(ACTION, REPOSITORY, "member.login", NOW)),
    ("membership", row(&["scope", "action"], Source::Field("team.url"), "member.login", NOW)),
    ("meta", row(ACTION, REPOSITORY, "hook_id", &["hook.updated_at"])),
    ("milestone", row(ACTION, REPOSITORY, "milestone.number", &["milestone.updated_at"])),
    ("org_block", row(ACTION, ORGANIZATION, "blocked_user.login", NOW)),
    ("organization", row(ACTION, ORGANIZATION, "membership.user.login", NOW)),
    ("page_build", row(&[], REPOSITORY, "build.url", &["pusher.updated_at"])),
    ("project", row(ACTION, REPOSITORY, "project.id", &["project.updated_at"])),
    ("project_card", row(ACTION, REPOSITORY, "project_card.id", &["project_card.updated_at"])),
    ("project_column", row(ACTION, REPOSITORY, "project_column.id", &["project_column.updated_at"])),
    ("public", row(&[], OWNER, "repository.name", &["repository.updated_at"])),
    ("pull_request", row(ACTION, REPOSITORY, "number", &["pull_request.updated_at"])),
    ("pull_request_review", row(ACTION, Source::Field("pull_request.url"), "review.id", &["review.submitted_at"])),
    ("pull_request_review_comment", row(ACTION, REPOSITORY, "comment.id", &["pull_request.updated_at"])),
    ("push", row(&[], REPOSITORY, "ref", NOW)),
    ("registry_package", row(ACTION, REPOSITORY, "registry_package.html_url", &["registry_package.updated_at"])),
    // "Based on action": a release that is not published has only been made.
    ("release", row(ACTION, REPOSITORY, "release.id", &["release.published_at", "release.created_at"])),
    ("repository", row(ACTION, OWNER, "repository.name", &["repository.updated_at"])),
    ("repository_import", row(&[], OWNER, "repository.name", &["repository.updated_at"])),
    ("repository_vulnerability_alert", row(ACTION, REPOSITORY, "alert.id", NOW)),
    (
        "security_advisory",
        row(ACTION, Source::Literal("github.com"), "security_advisory.ghsa_id", &["security_advisory.updated_at"]),
    ),
    ("star", row(ACTION, REPOSITORY, "", &["starred_at"])),
    ("status", row(&[], REPOSITORY, "sha", &["updated_at"])),
    ("team", row(ACTION, REPOSITORY, "team.id", &["updated_at"])),
    ("team_add", row(ACTION, REPOSITORY, "team.id", NOW)),
    ("watch", row(ACTION, REPOSITORY, "", NOW)),
];

/// What the adapter makes of the event that GitHub calls so.
pub(super) fn of(name: &str) -> &'static Adapter {
    ADAPTERS.binary_search_by_key(&name, |(known, _)| known).map_or(&UNKNOWN, |at| &ADAPTERS[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_row_is_found() {
        assert!(ADAPTERS.is_sorted_by_key(|(name, _)| name));
        for (name, adapter) in ADAPTERS {
            assert!(std::ptr::eq(of(name), adapter), "{name}");
        }
        assert!(std::ptr::eq(of("ping"), &UNKNOWN));
    }
}
