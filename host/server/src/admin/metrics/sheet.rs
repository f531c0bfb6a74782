//! How figures are written: names, units and labels as the Prometheus conventions have them.

use std::{collections::HashMap, fmt};

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet},
    metrics::{MetricType, exemplar::Exemplar},
    registry::Unit,
};
use tidegate_pipeline::Durations;

/// Names and values of labels.
pub(super) type Labels<'l, const N: usize> = [(&'l str, &'l str); N];

/// What a scrape is written on.
pub(super) struct Sheet<'a> {
    pub(super) encoder: DescriptorEncoder<'a>,
}

impl Sheet<'_> {
    /// What only grows; its name gets `_total`.
    pub(super) fn counter<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'l, N>, u64)>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, count) in series {
            match labels.as_slice() {
                [] => write_counter(&mut metric, &count)?,
                labels => write_counter(&mut metric.encode_family(&labels)?, &count)?,
            }
        }
        Ok(())
    }

    /// What goes up and down; its name gets the unit.
    pub(super) fn gauge<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        series: impl IntoIterator<Item = (Labels<'l, N>, impl EncodeGaugeValue)>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        for (labels, value) in series {
            match labels.as_slice() {
                [] => metric.encode_gauge(&value)?,
                labels => metric.encode_family(&labels)?.encode_gauge(&value)?,
            }
        }
        Ok(())
    }

    /// One for each state that there is: 1 for the one that holds, 0 for others.
    pub(super) fn state<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        states: &'static [&'static str],
        series: impl IntoIterator<Item = (Labels<'l, N>, &'l str)>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, now) in series {
            for state in states {
                let labels: Vec<(&str, &str)> = labels.iter().copied().chain([("state", *state)]).collect();
                metric.encode_family(&labels.as_slice())?.encode_gauge(&u64::from(*state == now))?;
            }
        }
        Ok(())
    }

    /// Durations in seconds, in buckets.
    pub(super) fn durations<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'l, N>, Durations)>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (labels, durations) in series {
            match labels.as_slice() {
                [] => write_durations(&mut metric, &durations)?,
                labels => write_durations(&mut metric.encode_family(&labels)?, &durations)?,
            }
        }
        Ok(())
    }

    /// What is said in words: the value is always 1; its name gets `_info`.
    pub(super) fn info<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = Labels<'l, N>>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Info)?;
        for labels in series {
            metric.encode_info(&labels.as_slice())?;
        }
        Ok(())
    }
}

pub(super) fn write_counter(metric: &mut MetricEncoder<'_>, count: &impl EncodeCounterValue) -> fmt::Result {
    metric.encode_counter(count, None::<&Exemplar<NoLabelSet, u64>>)
}

fn write_durations(metric: &mut MetricEncoder<'_>, durations: &Durations) -> fmt::Result {
    let buckets: Vec<(f64, u64)> = durations.buckets().collect();
    let exemplars = None::<&HashMap<usize, Exemplar<NoLabelSet, f64>>>;
    metric.encode_histogram(durations.seconds(), durations.count(), &buckets, exemplars)
}
