//! Runs whole modules: reads the configuration, withholds what the module does not need, applies what comes out.

use crate::batch::{field, flag, inherit, word};
use crate::draft;
use crate::module::{Filter, Matcher, Module, Transform};
use crate::names::Names;
use crate::testing::build::EventBuilder;
use crate::value::{Entries, same};
use crate::{Event, IntoOutput, Needs, Verdict};

/// What became of one event.
#[derive(Debug)]
pub struct Transformed {
    /// Keep, if anything came out.
    pub verdict: Verdict,
    /// What came out.
    pub events: Vec<Event<'static>>,
}

/// What a filter says to each event. An error is `configure`'s, or says that the module's `needs` fall short.
pub fn run_filter<F: Filter>(config: &str, events: &[Event<'_>]) -> Result<Vec<Verdict>, String> {
    let config = F::parse(config)?;
    run::<F, _>(events, |event| F::evaluate(event, &config))
}

/// What a transform makes of each event. An error is `configure`'s, or says that the module's `needs` fall short.
pub fn run_transform<T: Transform>(config: &str, events: &[Event<'_>]) -> Result<Vec<Transformed>, String> {
    let config = T::parse(config)?;
    let results = run::<T, _>(events, |event| T::apply(event, &config))?;
    Ok(events.iter().zip(results).map(|(event, output)| outputs(event, output)).collect())
}

/// What a matcher says to each event, and the names. An error is `configure`'s, or says that the module's `needs` fall short.
pub fn run_matcher<M: Matcher>(config: &str, events: &[Event<'_>]) -> Result<Vec<(Verdict, Vec<String>)>, String> {
    let config = M::parse(config)?;
    let mut names = Names::default();
    run::<M, _>(events, |event| {
        let verdict = M::assign(event, &config, &mut names);
        let given: Vec<String> = names.iter().map(str::to_owned).collect();
        let problem = names.finish().err();
        match (problem, verdict) {
            (Some(problem), _) => (Verdict::reject(problem), Vec::new()),
            (None, Verdict::Keep) => (Verdict::Keep, given),
            (None, verdict) => (verdict, Vec::new()),
        }
    })
}

fn run<M: Module, T>(events: &[Event<'_>], mut call: impl FnMut(&Event<'_>) -> T) -> Result<Vec<T>, String> {
    events
        .iter()
        .map(|event| {
            let event = withholding(event, M::NEEDS);
            let result = call(&event);
            event.check_misreads()?;
            Ok(result)
        })
        .collect()
}

/// The event as a module with these needs gets it.
fn withholding(event: &Event<'_>, needs: Needs) -> Event<'static> {
    let mut builder = EventBuilder::of(event);
    let groups = [
        (Needs::ATTRIBUTES, field::ID..field::EXTENSIONS),
        (Needs::EXTENSIONS, field::EXTENSIONS..field::DATA),
        (Needs::DATA, field::DATA..field::CONTEXT),
        (Needs::CONTEXT, field::CONTEXT..field::COUNT),
    ];
    for (_, fields) in groups.into_iter().filter(|(group, _)| needs.0 & group.0 == 0) {
        fields.for_each(|f| builder.set_raw(f, &[]));
    }
    if needs.0 & Needs::DATA.0 == 0 {
        builder.set_flags(0);
    }
    builder.build_withholding(!needs.0 & 0xf)
}

/// What a transform's answer makes of its event, as the host would.
pub fn outputs(event: &Event<'_>, output: impl IntoOutput) -> Transformed {
    let output = output.into_output();
    let events = output.rows.to_vec().into_iter().map(|row| resolve(event, row)).collect();
    Transformed { verdict: output.verdict, events }
}

/// A draft, with what it inherits.
fn resolve(origin: &Event<'_>, draft: u32) -> Event<'static> {
    let mut builder = EventBuilder::of(origin);
    draft::with(|drafts| {
        let row = *drafts.row(draft);
        for f in (0..field::COUNT).filter(|f| row[word::INHERIT] & (1 << f) == 0) {
            let own = drafts.value(draft, f).to_vec();
            match f {
                field::CONTEXT => builder.set_raw(f, &changed(builder.raw(f), &own)),
                _ => builder.set_raw(f, &own),
            }
        }
        if row[word::INHERIT] & inherit::EXTENSIONS_CHANGED != 0 {
            let own = drafts.value(draft, field::EXTENSIONS).to_vec();
            builder.set_raw(field::EXTENSIONS, &changed(builder.raw(field::EXTENSIONS), &own));
        }
        if row[word::INHERIT] & (1 << field::DATA) == 0 {
            builder.set_flags(row[word::FLAGS] & (flag::HAS_DATA | flag::FORM));
        }
    });
    builder.build()
}

/// A run of entries after changes to it.
fn changed(run: &[u8], changes: &[u8]) -> Vec<u8> {
    let is_changed = |name: &[u8]| Entries(changes).any(|change| same(change.name, name));
    let kept = Entries(run).filter(|entry| !is_changed(entry.name));
    kept.chain(Entries(changes).filter(|change| !change.is_removal()))
        .flat_map(|entry| entry.raw.iter().copied())
        .collect()
}
