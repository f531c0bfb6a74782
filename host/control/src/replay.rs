//! Events of a dead letter, once more through the routes of verified documents; without their sources, which stay closed.
//!
//! The data path is the one that runs: the plan that [`Control::swap`](crate::Control::swap) would make live, but that every
//! route is fed for itself, for a dead letter belongs to one route and the others of its source have dealt with the event.

use std::{collections::BTreeMap, sync::Arc};

use tidegate_connector::Source;
use tidegate_pipeline::{
    Live, Pipeline, Plan, RouteTally, Tally, WindowOptions,
    plan::{MalformedRule, SourcePlan},
};

use crate::{Verified, sinks::Sinks};

/// The routes of verified documents, ready to be fed. Dropped it stops where it is.
#[derive(Debug)]
pub struct Replay {
    pipeline: Pipeline,
    sinks: Sinks,
    routes: Vec<Arc<str>>,
    tally: Arc<Tally>,
}

impl Verified {
    /// Starts nothing but the sinks, which are open already.
    pub fn replay(self, window: WindowOptions) -> Replay {
        let Verified { sinks, plan, .. } = self;
        let Plan { generation, sources, tally } = plan;
        let routes = sources.into_values().flat_map(|source| source.routes);
        let alone = |route: Arc<_>| SourcePlan::new(MalformedRule::Skip, None, vec![route]);
        let sources: std::collections::HashMap<Arc<str>, SourcePlan> =
            routes.map(|route| (route.id.clone(), alone(route))).collect();
        let routes = sources.keys().cloned().collect();
        let plan = Plan { generation, sources, tally: tally.clone() };
        Replay { pipeline: Pipeline::new(Live::new(plan), window), sinks, routes, tally }
    }
}

impl Replay {
    /// The route of this name (`namespace/name`), where there is one.
    pub fn route(&self, id: &str) -> Option<&Arc<str>> {
        self.routes.iter().find(|route| ***route == *id)
    }

    /// Feeds a route, once; needs a tokio runtime.
    pub fn feed(&mut self, route: Arc<str>, source: Box<dyn Source>) {
        self.pipeline.open(route, source);
    }

    /// What each sink is failing with at the moment, by `namespace/name`.
    pub fn sink_trouble(&self) -> Vec<(Arc<str>, String)> {
        self.sinks.trouble()
    }

    /// What was settled, by route.
    pub fn tally(&self) -> BTreeMap<Arc<str>, RouteTally> {
        self.tally.snapshot()
    }

    /// Settles what is in flight and closes everything. Bound it: a full sink is waited for.
    pub async fn close(mut self) {
        self.pipeline.drain().await;
        drop(self.pipeline);
        self.sinks.close().await;
    }
}
