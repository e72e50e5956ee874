//! The report for people.

use std::fmt::Write as _;

use super::{Finding, Report, Severity};

/// The whole report.
pub(super) fn render(report: &Report) -> String {
    let mut text = format!("# Network report of {}\n\n", report.host);
    let count = |severity| {
        let findings = report.findings.iter();
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    };
    writeln!(
        text,
        "{} critical, {} warnings, {} to know. Rates over {:.1} s.\n",
        count(Severity::Critical),
        count(Severity::Warning),
        count(Severity::Info),
        report.seconds
    )
    .ok();
    host(report, &mut text);
    text.push_str("## Findings\n\n");
    if report.findings.is_empty() {
        text.push_str("None.\n\n");
    }
    for finding in &report.findings {
        one(finding, &mut text);
    }
    if !report.gaps.is_empty() {
        text.push_str("## Not looked at, or not possible here\n\n");
        for gap in &report.gaps {
            writeln!(text, "- {}: {}", line(&gap.what), line(&gap.reason)).ok();
        }
        text.push('\n');
    }
    text.push_str(
        "## For your provider\n\nNo host can help itself once its uplink is full. Ask for these rules where your traffic \
         comes in; the first that fits counts.\n\n```\n",
    );
    for rule in &report.provider_acl {
        writeln!(text, "{}", line(rule)).ok();
    }
    text.push_str("```\n");
    text
}

/// A text of the host must not end a line, and so begin something else.
fn line(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    text.trim().to_owned()
}

fn host(report: &Report, text: &mut String) {
    let facts = &report.facts;
    writeln!(
        text,
        "Kernel {}, {} processors{}{}.\n",
        line(&facts.kernel),
        facts.cpus.len(),
        if facts.container {
            ", in a container"
        } else {
            ""
        },
        if facts.privileged {
            ""
        } else {
            ", looked at without privileges"
        },
    )
    .ok();
    text.push_str("| interface | MTU | queues rx/tx | Mbit/s | addresses |\n| --- | --- | --- | --- | --- |\n");
    for known in &facts.interfaces {
        let addresses: Vec<String> = known
            .addresses
            .iter()
            .map(|(address, bits)| format!("{address}/{bits}"))
            .collect();
        let speed = known
            .speed_mbps
            .map_or_else(|| "–".to_owned(), |speed| speed.to_string());
        writeln!(
            text,
            "| {}{} | {} | {}/{} | {speed} | {} |",
            line(&known.name),
            if known.default_route { " (uplink)" } else { "" },
            known.mtu,
            known.rx_queues,
            known.tx_queues,
            addresses.join(" ")
        )
        .ok();
    }
    text.push('\n');
}

fn one(finding: &Finding, text: &mut String) {
    let severity = finding.severity.as_str();
    write!(
        text,
        "### {severity}: {}\n\n{}\n\n",
        line(&finding.title),
        line(&finding.detail)
    )
    .ok();
    if let Some(mend) = &finding.mend {
        write!(text, "Mend: `{}`\n\n", line(mend)).ok();
    }
}
