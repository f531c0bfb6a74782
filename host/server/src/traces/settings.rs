//! What OpenTelemetry's variables ask for. The endpoint, headers, compression, sampler and resource are read by the SDK itself; here is
//! what it leaves to us, and whether it is wanted at all.

use std::{path::PathBuf, str::FromStr, time::Duration};

use hyper::Uri;

/// Spans that wait to be sent, where `OTEL_BSP_MAX_QUEUE_SIZE` says nothing else: as the specification has it. A span with all of its
/// attributes as long as they get has about 8 KiB, most have one.
const QUEUE: usize = 2_048;
/// And at most: what waits is memory.
const QUEUE_MAX: usize = 65_536;
/// Spans that are sent together, where `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` says nothing else.
const BATCH: usize = 512;
/// How long the first of them waits for others, where `OTEL_BSP_SCHEDULE_DELAY` says nothing else. In ms.
const DELAY_MS: u64 = 5_000;
/// How long one request may take, where `OTEL_EXPORTER_OTLP_TIMEOUT` says nothing else. In ms.
const TIMEOUT_MS: u64 = 10_000;
/// Times are an hour at most: nobody means more.
const MS_MAX: u64 = 3_600_000;

/// Samplers that the SDK knows.
const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];
/// Those under which events without a trace of their own are sampled, too: who asked for one of these has said how many.
const SAMPLERS_OF_ROOTS: [&str; 3] = ["always_on", "traceidratio", "parentbased_traceidratio"];

/// Whether there is something to do.
#[derive(Debug)]
pub(super) enum Wanted {
    /// No endpoint, or switched off.
    No,
    /// Spans go there.
    Yes(Settings),
    /// It is asked for, and cannot be done; why.
    Unusable(String),
}

/// What the SDK leaves to us.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Where spans go, as people are shown it: no user, no password, no query.
    pub(super) endpoint: String,
    /// Whether TLS is spoken there.
    pub(super) secure: bool,
    /// Whom to trust there (PEM); `None`: whom the system trusts.
    pub(super) authority: Option<PathBuf>,
    /// Of one request.
    pub(super) timeout: Duration,
    /// How long the first span of a request waits for others.
    pub(super) delay: Duration,
    /// Spans that wait.
    pub(super) queue: usize,
    /// Spans in a request.
    pub(super) batch: usize,
    /// Events that came without a trace may get a span, if the sampler picks them.
    pub(super) roots: bool,
}

impl Settings {
    /// `variable` has the value of one, if it is set.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Wanted {
        // What is empty counts as absent, says the specification.
        let get = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let of_traces = |name: &str| {
            get(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}")).or_else(|| get(&format!("OTEL_EXPORTER_OTLP_{name}")))
        };
        let Some(endpoint) = of_traces("ENDPOINT") else { return Wanted::No };
        let off = get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if off || get("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none") {
            return Wanted::No;
        }
        if let Some(exporter) = get("OTEL_TRACES_EXPORTER").filter(|value| value != "otlp") {
            return Wanted::Unusable(format!("OTEL_TRACES_EXPORTER is `{exporter}`, there are `otlp` and `none`"));
        }
        if let Some(protocol) = of_traces("PROTOCOL").filter(|value| value != "http/protobuf") {
            let hint = "use `http/protobuf`, and the collector's port for it (4318)";
            return Wanted::Unusable(format!("OTEL_EXPORTER_OTLP_PROTOCOL is `{protocol}`: {hint}"));
        }
        let Some((endpoint, secure)) = shown(&endpoint) else {
            return Wanted::Unusable("OTEL_EXPORTER_OTLP_ENDPOINT is no http:// or https:// address".to_owned());
        };
        let sampler = get("OTEL_TRACES_SAMPLER");
        if let Some(unknown) = sampler.as_deref().filter(|name| !SAMPLERS.contains(name)) {
            tracing::warn!("OTEL_TRACES_SAMPLER is `{unknown}`, which is not known: `parentbased_always_on` is taken");
        }
        let queue = number(get("OTEL_BSP_MAX_QUEUE_SIZE"), QUEUE, QUEUE_MAX);
        let ms = |value, default| Duration::from_millis(number(value, default, MS_MAX));
        Wanted::Yes(Settings {
            endpoint,
            secure,
            authority: of_traces("CERTIFICATE").map(PathBuf::from),
            timeout: ms(of_traces("TIMEOUT"), TIMEOUT_MS),
            delay: ms(get("OTEL_BSP_SCHEDULE_DELAY"), DELAY_MS),
            queue,
            batch: number(get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"), BATCH, queue).min(queue),
            roots: sampler.is_some_and(|name| SAMPLERS_OF_ROOTS.contains(&name.as_str())),
        })
    }
}

/// What is not a number from 1 to `most` is as if it were not there: so the specification wants it.
fn number<N: FromStr + PartialOrd + From<u8>>(text: Option<String>, default: N, most: N) -> N {
    let number = text.and_then(|text| text.parse::<N>().ok());
    number.filter(|number| *number >= N::from(1) && *number <= most).unwrap_or(default)
}

/// An address without what is nobody's business, and whether it is one of TLS.
fn shown(endpoint: &str) -> Option<(String, bool)> {
    let uri: Uri = endpoint.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    Some((format!("{scheme}://{host}{port}"), scheme == "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Wanted {
        Settings::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn on(variables: &[(&str, &str)]) -> Settings {
        match read(&[&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")], variables].concat()) {
            Wanted::Yes(settings) => settings,
            other @ (Wanted::No | Wanted::Unusable(_)) => panic!("{variables:?}: {other:?}"),
        }
    }

    #[test]
    fn without_an_endpoint_nothing_is_wanted_whatever_else_is_said() {
        for variables in [
            &[][..],
            &[("OTEL_TRACES_SAMPLER", "always_on"), ("OTEL_SERVICE_NAME", "x")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"), ("OTEL_SDK_DISABLED", "true")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"), ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert!(matches!(read(variables), Wanted::No), "{variables:?}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_told_and_no_password_with_it() {
        for (variables, words) in [
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4318")][..], "no http://"),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://u:secret@c")], "no http://"),
            (
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
                "`grpc`: use `http/protobuf`",
            ),
            (
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_TRACES_EXPORTER", "zipkin")],
                "`zipkin`, there are `otlp` and `none`",
            ),
        ] {
            match read(variables) {
                Wanted::Unusable(why) => {
                    assert!(why.contains(words) && !why.contains("secret"), "{variables:?}: {why}");
                }
                other @ (Wanted::No | Wanted::Yes(_)) => panic!("{variables:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_variables_of_traces_come_first_and_nonsense_is_as_if_it_were_not_there() {
        let plain = on(&[]);
        let ms = Duration::from_millis;
        assert_eq!((plain.endpoint.as_str(), plain.secure, plain.roots), ("http://c:4318", false, false));
        assert_eq!((plain.queue, plain.batch, plain.delay, plain.timeout), (2_048, 512, ms(5_000), ms(10_000)));
        let other = on(&[
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://u:secret@t.example/v1/traces?key=secret"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "250"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
            ("OTEL_BSP_SCHEDULE_DELAY", "-3"),
        ]);
        assert_eq!((other.endpoint.as_str(), other.secure), ("https://t.example", true));
        assert_eq!((other.queue, other.batch, other.delay, other.timeout), (100, 100, ms(5_000), ms(250)));
        assert_eq!(other.authority, Some(PathBuf::from("/ca.pem")));
    }

    #[test]
    fn events_without_a_trace_are_sampled_only_where_somebody_said_how_many() {
        for (sampler, roots) in [
            ("parentbased_always_on", false),
            ("parentbased_always_off", false),
            ("always_off", false),
            ("xray", false),
            ("always_on", true),
            ("traceidratio", true),
            ("parentbased_traceidratio", true),
        ] {
            assert_eq!(on(&[("OTEL_TRACES_SAMPLER", sampler)]).roots, roots, "{sampler}");
        }
    }
}
