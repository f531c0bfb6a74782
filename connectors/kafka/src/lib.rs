//! Topics of Kafka: one lane a partition, a producer that waits for every replica.
