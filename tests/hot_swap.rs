//! Policies are exchanged while events flow: no event notices more than that it met one generation or the next.

mod candidates;
mod many_routes;
mod storm;
mod under_load;
