//! The conditions of all policies and targets of a source, as one index: what an event costs does not grow with those that it does
//! not fit, and its payload is parsed once for all of them.
//!
//! Rules are numbered route by route: conditions of stages, in order, then those of targets. The index says which of them may hold for
//! some event of a batch; no other is come by. What has nothing that could be looked up is held against every event that gets so far.

use std::{ops::Range, sync::Arc};

use tidegate_matching::{Index, Matcher};

use crate::plan::{Body, RoutePlan};

/// Of the routes of one source.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) index: Index,
    /// For each route, the number of its first.
    starts: Vec<u32>,
}

impl Rules {
    pub(crate) fn of(routes: &[Arc<RoutePlan>]) -> Rules {
        let mut starts = Vec::with_capacity(routes.len());
        let mut matchers: Vec<Matcher> = Vec::new();
        for route in routes {
            starts.push(narrow(matchers.len()));
            matchers.extend(route.stages.iter().map(|stage| stage.matcher.clone()));
            matchers.extend(route.targets.iter().map(|target| target.when.clone()));
        }
        let bodies = routes.iter().flat_map(|route| &route.stages).filter_map(|stage| match &stage.body {
            Body::Condition(verdict) => Some(&verdict.matcher),
            Body::Wasm { .. } => None,
        });
        Rules { index: Index::new(matchers, bodies), starts }
    }

    /// Every route with its part of the rules.
    pub(crate) fn routes<'p>(&'p self, routes: &'p [Arc<RoutePlan>]) -> impl Iterator<Item = Ruled<'p>> {
        let index = &self.index;
        routes.iter().zip(&self.starts).map(move |(route, first)| Ruled { route, index, first: *first })
    }
}

fn narrow(at: usize) -> u32 {
    // Documents are bounded far below.
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A route, and its part of the rules of a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ruled<'p> {
    pub(crate) route: &'p Arc<RoutePlan>,
    pub(crate) index: &'p Index,
    first: u32,
}

impl Ruled<'_> {
    /// The rule of a stage.
    pub(crate) fn stage(&self, position: usize) -> u32 {
        self.first + narrow(position)
    }

    /// Those of stages from a position on.
    pub(crate) fn stages_from(&self, position: usize) -> Range<u32> {
        self.stage(position)..self.first_target()
    }

    pub(crate) fn targets(&self) -> Range<u32> {
        self.first_target()..self.first_target() + narrow(self.route.targets.len())
    }

    pub(crate) fn all(&self) -> Range<u32> {
        self.first..self.targets().end
    }

    fn first_target(&self) -> u32 {
        self.first + narrow(self.route.stages.len())
    }
}
