//! Checks of what guests return. Nothing of a reply is used before all of it has passed.

use std::sync::Arc;

use tidegate_event::flat::Outputs;

use crate::{
    abi::{Assignment, Outcomes},
    decision::Decision,
    fault::Fault,
    interner::Interner,
};

/// Distinct reasons in one reply, and bytes of one.
pub(crate) const REASONS_MAX: usize = 64;
pub(crate) const REASON_BYTES_MAX: usize = 256;

/// Distinct names in one reply, levels of one, and bytes of one.
pub(crate) const NAMES_MAX: usize = 64;
pub(crate) const NAME_LEVELS_MAX: usize = 16;
pub(crate) const NAME_BYTES_MAX: usize = 256;

/// The verdict in the low byte of a code.
mod verdict {
    pub(super) const KEEP: u8 = 0;
    pub(super) const DROP: u8 = 1;
    pub(super) const REJECT: u8 = 2;
    pub(super) const RETRY: u8 = 3;
}

/// What a guest must answer to a batch of no events.
pub(crate) fn empty(outcomes: &Outcomes, items: usize) -> Result<(), Fault> {
    if outcomes.codes.is_empty() && items == 0 {
        return Ok(());
    }
    Err(Fault::reply(format_args!("{} codes and {items} results for no events", outcomes.codes.len())))
}

/// Turns codes into decisions.
pub(crate) fn decide(outcomes: &Outcomes, rows: usize, interner: &mut Interner) -> Result<Vec<Decision>, Fault> {
    if outcomes.codes.len() != rows {
        return Err(Fault::reply(format_args!("{} codes for {rows} events", outcomes.codes.len())));
    }
    let reasons = reasons(&outcomes.reasons, interner)?;
    // The usual answer, seen by looking at many codes at a time.
    if outcomes.codes.iter().fold(0, |all, code| all | code) == u32::from(verdict::KEEP) {
        return Ok(vec![Decision::Keep; rows]);
    }
    // Not `collect`: into a `Result` it does not know the size, and grows step by step.
    let mut decisions = Vec::with_capacity(rows);
    for (row, &code) in outcomes.codes.iter().enumerate() {
        decisions.push(decision(row, code, &reasons)?);
    }
    Ok(decisions)
}

fn reasons(reasons: &[String], interner: &mut Interner) -> Result<Vec<Arc<str>>, Fault> {
    if reasons.len() > REASONS_MAX {
        return Err(Fault::reply(format_args!("{} reasons; at most {REASONS_MAX} are allowed", reasons.len())));
    }
    if let Some(long) = reasons.iter().find(|r| r.len() > REASON_BYTES_MAX) {
        return Err(Fault::reply(format_args!("a reason of {} bytes; at most {REASON_BYTES_MAX}", long.len())));
    }
    Ok(reasons.iter().map(|reason| interner.get(reason)).collect())
}

#[inline]
fn decision(row: usize, code: u32, reasons: &[Arc<str>]) -> Result<Decision, Fault> {
    if code == u32::from(verdict::KEEP) {
        return Ok(Decision::Keep);
    }
    let number = (code >> 8) as usize;
    let reason = match number.checked_sub(1) {
        None => None,
        Some(at) => Some(
            reasons
                .get(at)
                .ok_or_else(|| Fault::reply(format_args!("event {row}: reason {at} of {}", reasons.len())))?,
        ),
    };
    match (code & 0xff) as u8 {
        // A reason for keeping says nothing to anyone, but it is no mistake either.
        verdict::KEEP => Ok(Decision::Keep),
        verdict::DROP => Ok(Decision::Drop(reason.cloned())),
        verdict::REJECT => Ok(Decision::Reject(reason.cloned())),
        verdict::RETRY => Ok(Decision::Retry(reason.cloned())),
        unknown => Err(Fault::reply(format_args!("event {row}: unknown code {unknown}"))),
    }
}

/// A transform answers for each event twice: with a code and with outputs. They must agree.
pub(crate) fn agree(decisions: &[Decision], outputs: &Outputs) -> Result<(), Fault> {
    // The usual answer.
    if outputs.are_one_each(decisions.len()) && decisions.iter().all(|decision| matches!(decision, Decision::Keep)) {
        return Ok(());
    }
    let mut with_output = outputs.rows().peekable();
    for (row, decision) in decisions.iter().enumerate() {
        let mut count = 0_usize;
        while with_output.next_if(|&r| r as usize == row).is_some() {
            count += 1;
        }
        match (matches!(decision, Decision::Keep), count) {
            (true, 0) => return Err(Fault::reply(format_args!("event {row} is kept without an output"))),
            (false, 1..) => return Err(Fault::reply(format_args!("event {row} is not kept and has an output"))),
            (true, 1..) | (false, 0) => {}
        }
    }
    Ok(())
}

/// The pairs of a matcher, as (row, position in `names`).
pub(crate) fn pairs(reply: &Assignment, decisions: &[Decision]) -> Result<Vec<(u32, u32)>, Fault> {
    check_names(&reply.names)?;
    let (pairs, rest) = reply.pairs.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Fault::reply("an odd number of words in `pairs`"));
    }
    if !pairs.is_sorted_by(|a, b| a < b) {
        return Err(Fault::reply("`pairs` do not ascend"));
    }
    for &[row, name] in pairs {
        match decisions.get(row as usize) {
            None => return Err(Fault::reply(format_args!("a pair of event {row} of {}", decisions.len()))),
            Some(Decision::Keep) => {}
            Some(_) => return Err(Fault::reply(format_args!("event {row} is not kept and has a name"))),
        }
        if name as usize >= reply.names.len() {
            return Err(Fault::reply(format_args!("a pair with name {name} of {}", reply.names.len())));
        }
    }
    Ok(pairs.iter().map(|&[row, name]| (row, name)).collect())
}

fn check_names(names: &[String]) -> Result<(), Fault> {
    if names.len() > NAMES_MAX {
        return Err(Fault::reply(format_args!("{} names; at most {NAMES_MAX} are allowed", names.len())));
    }
    match names.iter().find(|name| !is_name(name)) {
        Some(odd) => Err(Fault::reply(format_args!("`{odd}` is not a name"))),
        None => Ok(()),
    }
}

/// 1 to 16 levels of `[A-Za-z0-9._-]+` joined by `/`, at most 256 bytes.
fn is_name(name: &str) -> bool {
    let is_level = |level: &str| {
        !level.is_empty() && level.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    name.len() <= NAME_BYTES_MAX && name.split('/').count() <= NAME_LEVELS_MAX && name.split('/').all(is_level)
}
