"""What the console says, in English."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "language": "en",
    "day": "%-d %b %Y",
    "moment": "%-d %b %Y, %H:%M",
    "product": "Erasure requests",
    "skip": "Skip to content",
    "navigation": "Pages",
    "inbox": "Inbox",
    "calendar": "Deadlines",
    "figures": "Figures",
    "replicas": "Replicas",
    "keys": "Access",
    "signed_in_as": "Signed in as",
    "sign_out": "Sign out",
    "other_language": "Deutsch",
    "other_code": "de",
    # Signing in.
    "sign_in": "Sign in",
    "sign_in_lead": (
        "For those who work with erasure requests. Every look at a request is recorded."
    ),
    "with_issuer": "Sign in with your organisation",
    "with_key": "Sign in with an access key",
    "key_label": "Access key",
    "key_hint": "It begins with unlearn_ and was given to you by an administrator.",
    "login_refused": "The sign-in was not accepted. Try again, or ask for a role.",
    "login_unavailable": "The sign-in service does not answer. Try again later.",
    "login_footer": (
        "This page sets one cookie, when you sign in, and loads nothing from elsewhere."
    ),
    # Refusals.
    "refused": "That is not possible",
    "back": "Back to the inbox",
    # Roles.
    "role_subject": "data subject",
    "role_operator": "operator",
    "role_approver": "approver",
    "role_auditor": "auditor",
    "role_replica": "replica",
    "role_admin": "administrator",
    "role_controller": "controller",
    "role_agent": "authorised agent",
    # The inbox.
    "no_requests": "There is nothing here.",
    "reference": "Reference",
    "received": "Received",
    "due": "Answer due",
    "stage": "Stage",
    "waits_for": "Waits for",
    "show_open": "Open",
    "show_person": "For a person",
    "show_pressing": "Pressing",
    "show_late": "Overdue",
    "show_closed": "Closed",
    "days_left": "{days} days left",
    "day_left": "1 day left",
    "due_today": "due today",
    "days_late": "{days} days overdue",
    "day_late": "1 day overdue",
    "answered": "answered",
    "expected_on": "expected on {day}",
    "risk_at_risk": "may be late",
    "risk_too_late": "will be late",
    "endangered": "Not expected in time",
    "forecast_hint": (
        "Expected from how long each stage has taken for closed requests, and from who "
        "comes first. The legal date stays as it is."
    ),
    "second_officer": "a second officer: {verb}",
    "a_decision": "a decision",
    "nobody": "nobody",
    "filters": "Filters",
    # Stages.
    "stage_received": "Received",
    "stage_acknowledged": "Acknowledged",
    "stage_proof_awaited": "Waits for proof of identity",
    "stage_proof_given": "Proof of identity given",
    "stage_identity_verified": "Identity verified",
    "stage_refused": "Identity not verified",
    "stage_joined": "Joined to an earlier request",
    "stage_located": "Data located",
    "stage_not_found": "Nothing found",
    "stage_under_review": "Uncertain records under review",
    "stage_reviewed": "Uncertain records reviewed",
    "stage_referred": "Waits for approval",
    "stage_approved": "Approved",
    "stage_cooling_off": "Can still be cancelled",
    "stage_on_hold": "On hold",
    "stage_released": "Released",
    "stage_declined": "Refused",
    "stage_withdrawn": "Withdrawn",
    "stage_sources_erased": "Erased at the sources",
    "stage_base_spared": "Model not concerned",
    "stage_datasets_built": "Sets sealed",
    "stage_trained": "Offset pair trained",
    "stage_unlearning_rejected": "Verification not passed",
    "stage_unlearning_verified": "Verification passed",
    "stage_overtaken": "Overtaken, trains again",
    "stage_escalated": "Escalated",
    "stage_retried": "Another round ordered",
    "stage_given_up": "Ended without suppression",
    "stage_registered": "Version registered",
    "stage_promoted": "Version promoted",
    "stage_serving_confirmed": "Served by every replica",
    "stage_purged": "Working data destroyed",
    "stage_certified": "Certificate issued",
    "stage_notified": "Subject told; closed",
    # Decisions.
    "verb_ask_for_proof": "Ask for a proof of identity",
    "verb_confirm_identity": "Confirm the identity",
    "verb_approve": "Approve the erasure",
    "verb_refuse": "Refuse",
    "verb_extend": "Take the longer period",
    "verb_hold": "Put on hold",
    "verb_release": "Release from hold",
    "verb_close_escalated": "End without suppression",
    # The page of a request.
    "request": "Request",
    "live": "work goes on; this page follows it",
    "extended": "extended",
    "outcome": "Outcome",
    "ground": "Ground of the request",
    "ground_claimed": "as claimed",
    "ground_as_claimed": "As claimed, or none",
    "ground_no_longer_needed": "no longer needed",
    "ground_consent_withdrawn": "consent withdrawn",
    "ground_objection": "objection",
    "ground_unlawful": "unlawful processing",
    "ground_duty_to_erase": "a legal obligation to erase",
    "ground_offered_to_child": "collected from a child online",
    "cancel_until": "Can be cancelled until",
    "certificate": "Certificate",
    "timeline": "What has happened",
    "preview": "What would be touched",
    "was_touched": "What was found",
    "preview_hint": (
        "Counts of the latest search. Certain records are erased at the source "
        "once the request goes on; uncertain ones never by themselves."
    ),
    "source": "Source",
    "found": "certain",
    "uncertain": "uncertain",
    "unreadable": "unreadable",
    "searched": "searched",
    "proposal": "A proposal waits for a second officer",
    "proposed": "{officer} proposes: {verb}",
    "own_proposal": "It is your own proposal; somebody else has to agree.",
    "agree": "Agree and carry out",
    "confirm": "I have read what is known about this request.",
    "decide": "Decide",
    "decide_hint": (
        "Except for a hold, a decision is a proposal until a second officer "
        "agrees. Your name stands in the record."
    ),
    "reason": "Reason",
    "choose": "Choose a reason",
    "withdraw": "Withdraw on behalf of the subject",
    "withdraw_hint": (
        "Only if the subject has asked for it. Takes effect at once; working "
        "data is destroyed."
    ),
    "documents": "Documents",
    "download_certificate": "Certificate (signed JSON)",
    "download_letter": "Letter (PDF)",
    "download_bundle": "Audit bundle",
    "bundle_hint": (
        "Everything the record says of this request, with proofs. It verifies offline, "
        "with the public keys alone: unlearn audit verify."
    ),
    "open_report": "Verification report as a page of its own",
    "report": "Verification report",
    "said_done": "Carried out and recorded.",
    "said_proposed": "Proposed. A second officer has to agree.",
    "effect_ask_for_proof": (
        "The subject is told, and has two weeks; without an answer the request is "
        "refused."
    ),
    "effect_approve": "The located records will be erased at the sources.",
    "effect_refuse": (
        "Working data is destroyed. The subject reads the reason and how to "
        "complain (Art. 12(4))."
    ),
    "effect_extend": "Three months from receipt; the subject is told now (Art. 12(3)).",
    "restriction": "Restriction of use (Art. 18)",
    "verb_restrict": "Restrict",
    "verb_lift": "Lift the restriction",
    "effect_restrict": (
        "From now on no inference service says anything about the person by name, "
        "until the erasure is effective or two officers lift it."
    ),
    "effect_lift": (
        "Inference services may answer about the person again. A second officer has to "
        "agree with the same reason; the person is told first."
    ),
    "effect_hold": (
        "Takes effect at once, before anything is erased; the subject is told."
    ),
    "effect_release": "The sources are searched anew.",
    "effect_close_escalated": (
        "Ends as not achieved; the certificate claims no suppression."
    ),
    "error_lease_busy": "A worker is at work on this request. Try again in a moment.",
    "error_decision_refused": (
        "You cannot take this decision: your name is no officer's, a second "
        "officer is needed, or it is too late."
    ),
    "error_restriction_refused": (
        "The restriction cannot be changed like that now, or not by you."
    ),
    "error_forbidden": "The form was not complete. Nothing was done.",
    "event_proof_asked": "Subject asked for a proof",
    "event_decision_proposed": "Proposed",
    "event_restricted": "Use restricted; inference services are being told",
    "event_restriction_in_force": "Restriction in force at every inference service",
    "event_restriction_lift_proposed": "Lift of the restriction proposed",
    "event_restriction_lifted": "Restriction ended",
    "event_deadline_extended": "Deadline extended",
    "event_extension_drafted": "An extension is drafted; two officers confirm it",
    "event_deadline_near": "The deadline comes near",
    "event_deadline_pressing": "The deadline presses",
    "event_deadline_missed": "The deadline was missed",
    "event_working_data_lingers": "Working data has been kept for long",
    "event_working_data_destroyed": "Working data destroyed; only an end is left",
    "channel_cli": "command line",
    "channel_http": "API",
    "channel_web_page": "web page",
    "channel_import": "table",
    "channel_opendsr": "OpenDSR",
    "channel_data_rights_protocol": "Data Rights Protocol",
    "channel_drop": "California DROP",
    "recipients": "Recipients of the data",
    "recipients_hint": "They have received what was erased (Art. 19). Who was not "
    "reached is told otherwise, or an officer says why not: unlearn recipients settle.",
    "recipient": "Recipient",
    "received_from": "Has received",
    "telling": "Notice",
    "telling_waiting": "on its way",
    "telling_told": "told",
    "telling_bounced": "refused",
    "telling_abandoned": "given up",
    "telling_told_otherwise": "told otherwise",
    "telling_impossible": "impossible",
    "telling_disproportionate": "disproportionate effort",
    "outcome_suppressed_at_output": "Erased at the sources, suppressed at the output",
    "outcome_erased_at_source": "Erased at the sources",
    "outcome_partial": "Partly done",
    "outcome_not_found": "Nothing found",
    "outcome_exempt": "Exempt",
    "outcome_refused": "Refused",
    "outcome_withdrawn": "Withdrawn",
    "outcome_failed": "Not achieved",
    "standing_valid": "valid until",
    "standing_expired": "expired; was valid until",
    "standing_failed": "failed a later check; was valid until",
    # Coded reasons.
    "reason_no_ground": "no ground of Art. 17(1) applies",
    "reason_free_expression": "free expression and information",
    "reason_legal_obligation": "a legal obligation to keep the data",
    "reason_public_health": "public health",
    "reason_archiving": "archiving, research, statistics",
    "reason_legal_claims": "legal claims",
    "reason_manifestly_unfounded": "manifestly unfounded",
    "reason_excessive": "excessive",
    "reason_other_controller": "another controller decides",
    "reason_suspected_fraud": "suspected fraud",
    "reason_objection": "an objection is examined",
    "reason_accuracy_contested": "the person contests the accuracy",
    "reason_unlawful_processing": "the processing is unlawful",
    "reason_claims_of_subject": "the person needs the data for legal claims",
    "reason_erasure_pending": "the erasure is not effective yet",
    "reason_ground_ended": "the ground of the restriction is gone",
    "reason_subject_asks": "the person asks for it",
    "reason_erasure_effective": "the erasure is effective",
    "reason_outlived": "its time is over",
    "reason_clarification": "the subject is asked to clarify",
    "reason_identity_doubt": "doubt about the identity",
    "reason_complexity": "complexity of the request",
    "reason_number_of_requests": "number of requests",
    "reason_not_known_to_model": "the model did not know the person",
    "reason_not_achieved": "suppression was not achieved",
    "reason_model_retired": "the model is retired",
    "reason_same_person": "the same person",
    "reason_quotes_subject": "quotes a record of the person",
    "reason_namesake": "a person of the same name",
    "reason_ordinary_word": "an ordinary word",
    "reason_common_text": "a text that many share",
    "reason_legal_hold": "a legal hold",
    "review_reasoning": "Why the exemption applies (Art. 17(3) GDPR; it is sealed)",
    # Uncertain records.
    "review": "Uncertain records",
    "review_waits": (
        "The search found records that may be about somebody else. Nothing is erased "
        "until each of them was decided about."
    ),
    "review_open": "Look at them and decide",
    "back_to_request": "Back to request {reference}",
    "review_left": "{undecided} of {total} records are not decided yet.",
    "review_hint": (
        "This page shows personal data; that you have seen it is recorded. Until the "
        "last record is decided, a decision can be changed."
    ),
    "review_subject": "Who asks",
    "review_record": "Record {number} in {source}",
    "review_why": "Why it matched",
    "review_decision": "What becomes of record {number}",
    "review_later": "Decide later",
    "review_confirm": "I have compared these records with what the request says.",
    "review_send": "Record the decisions",
    "review_pages": "Pages of records",
    "ruling_erase": "Erase",
    "ruling_keep": "Keep",
    "kind_name": "Name",
    "kind_email": "E-mail address",
    "kind_phone": "Phone number",
    "kind_customer_number": "Customer number",
    "kind_handle": "Handle",
    "said_reviewed": "Every record is decided. The request goes on by itself.",
    "error_review_refused": (
        "You cannot take this decision: your name is no officer's, the list was "
        "replaced since you opened it, or versions of one record were decided about "
        "in two ways. Nothing was done."
    ),
    # Overviews.
    "months": (
        "January February March April May June July August September October "
        "November December"
    ),
    "weekdays": "Mon Tue Wed Thu Fri Sat Sun",
    "year": "Year",
    "figure_received": "received",
    "figure_open": "not answered yet",
    "figure_complied": "complied with in whole",
    "figure_in_part": "in part",
    "figure_not_found": "nothing found",
    "figure_denied": "denied or not achieved",
    "figure_withdrawn": "withdrawn",
    "figure_on_time": "answered on time",
    "figure_median": "median time to the answer",
    "figure_mean": "mean time to the answer",
    "denied_by": "Why requests were denied",
    "reason_not_kept": "the reason is not kept any more",
    "days": "{days} days",
    "no_answer_yet": "none yet",
    "figures_hint": (
        "Requests received in this calendar year, as 11 CCR 7102(a) counts them."
    ),
    "nothing_promoted": "No version has been promoted yet.",
    "wanted_version": (
        "Every replica has to serve version {sequence}, and no answer may be older."
    ),
    "replica": "Name",
    "converged": "Convergence",
    "serves_now": "Serves",
    "oldest_answer": "Oldest running answer",
    "last_refusal": "Last refusal",
    "has_converged": "converged",
    "not_converged": "behind",
    "not_ready": "not answering",
    "cut_off": "cut off",
    "cut_off_unheard": "cut off, has not said so yet",
    "said_gone": "says that it is gone",
    "convergence": (
        "From registration until every replica served it: {last:.1f} s for the latest "
        "version, {middle:.1f} s in the median and {longest:.1f} s at most, of "
        "{versions}."
    ),
    "replicas_hint": (
        "Nothing is effective while a replica is behind. One that does not keep up can "
        "be cut off on the command line: unlearn replica cut-off."
    ),
    "after_seconds": "{seconds:.1f} s after registration",
    "without_replicas": "without {names}: cut off",
    "keys_hint": (
        "Keys are made on the command line: unlearn access add. Revoking one "
        "ends its sessions at once."
    ),
    "key_id": "Key",
    "name": "Holder",
    "roles": "Roles",
    "created": "Made",
    "key_state": "State",
    "revoked": "revoked",
    "valid": "valid",
    "revoke": "Revoke",
}
