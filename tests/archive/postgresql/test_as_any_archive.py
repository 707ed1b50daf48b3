"""What is asked of an archive in a folder holds on PostgreSQL too: the same tests, on the other engine."""

from __future__ import annotations

from tests.archive.conftest import ingest, rubin, ztf
from tests.archive.test_archive import (
    nova,
    test_a_light_curve_is_that_of_the_object,
    test_an_alert_has_its_native_columns,
    test_an_alert_has_the_common_columns,
    test_an_event_cites_the_one_before_of_the_object_in_the_stream,
    test_an_object_has_its_alerts_by_time,
    test_batches_are_chosen_by_time_of_arrival,
    test_readers_see_whole_transactions_while_another_thread_writes,
    test_seen_is_passed_and_rejected_and_failed,
    test_stored_packets_are_read_again_as_the_batches_they_were,
    test_the_latest_come_in_pages_that_do_not_shift,
)
from tests.archive.test_transaction import (
    test_a_confluent_message_and_a_container_of_one_alert_are_the_same,
    test_a_schema_is_stored_once_for_all_packets_that_carry_it,
    test_an_object_is_where_its_latest_alert_was,
    test_another_alert_of_the_same_identifier_is_a_dead_letter,
    test_everything_of_an_alert_is_stored,
    test_files_are_accounted_for_by_folder_and_members_by_archive,
    test_overlapping_histories_give_each_measurement_once,
    test_packets_of_several_schema_versions_share_the_native_table,
    test_positions_are_those_of_the_last_commit,
    test_the_same_alert_wrapped_anew_is_a_duplicate,
)

__all__ = [
    "ingest",
    "nova",
    "rubin",
    "test_a_confluent_message_and_a_container_of_one_alert_are_the_same",
    "test_a_light_curve_is_that_of_the_object",
    "test_a_schema_is_stored_once_for_all_packets_that_carry_it",
    "test_an_alert_has_its_native_columns",
    "test_an_alert_has_the_common_columns",
    "test_an_event_cites_the_one_before_of_the_object_in_the_stream",
    "test_an_object_has_its_alerts_by_time",
    "test_an_object_is_where_its_latest_alert_was",
    "test_another_alert_of_the_same_identifier_is_a_dead_letter",
    "test_batches_are_chosen_by_time_of_arrival",
    "test_everything_of_an_alert_is_stored",
    "test_files_are_accounted_for_by_folder_and_members_by_archive",
    "test_overlapping_histories_give_each_measurement_once",
    "test_packets_of_several_schema_versions_share_the_native_table",
    "test_positions_are_those_of_the_last_commit",
    "test_readers_see_whole_transactions_while_another_thread_writes",
    "test_seen_is_passed_and_rejected_and_failed",
    "test_stored_packets_are_read_again_as_the_batches_they_were",
    "test_the_latest_come_in_pages_that_do_not_shift",
    "test_the_same_alert_wrapped_anew_is_a_duplicate",
    "ztf",
]
