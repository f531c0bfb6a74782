//! What is sent when, against a scripted service.
