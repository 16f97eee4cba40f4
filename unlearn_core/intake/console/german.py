"""What the console says, in German."""

from collections.abc import Mapping

GERMAN: Mapping[str, str] = {
    "language": "de",
    "day": "%d.%m.%Y",
    "moment": "%d.%m.%Y, %H:%M",
    "product": "Löschanträge",
    "skip": "Zum Inhalt",
    "navigation": "Seiten",
    "inbox": "Eingang",
    "calendar": "Fristen",
    "figures": "Zahlen",
    "replicas": "Replikate",
    "keys": "Zugang",
    "signed_in_as": "Angemeldet als",
    "sign_out": "Abmelden",
    "other_language": "English",
    "other_code": "en",
    # Anmeldung.
    "sign_in": "Anmelden",
    "sign_in_lead": (
        "Für alle, die Löschanträge bearbeiten. Jeder Blick auf einen Antrag wird "
        "festgehalten."
    ),
    "with_issuer": "Über Ihre Organisation anmelden",
    "with_key": "Mit einem Zugangsschlüssel anmelden",
    "key_label": "Zugangsschlüssel",
    "key_hint": "Er beginnt mit unlearn_ und kommt von Ihrer Administration.",
    "login_refused": (
        "Die Anmeldung wurde nicht angenommen. Versuchen Sie es erneut, oder bitten "
        "Sie um eine Rolle."
    ),
    "login_unavailable": (
        "Der Anmeldedienst antwortet nicht. Versuchen Sie es später noch einmal."
    ),
    "login_footer": (
        "Diese Seite setzt ein Cookie, sobald Sie sich anmelden, und lädt nichts von "
        "anderswo."
    ),
    # Ablehnungen.
    "refused": "Das geht nicht",
    "back": "Zurück zum Eingang",
    # Roles.
    "role_subject": "betroffene Person",
    "role_operator": "Sachbearbeitung",
    "role_approver": "Freigabe",
    "role_auditor": "Prüfung",
    "role_replica": "Replikat",
    "role_admin": "Administration",
    "role_controller": "Verantwortlicher",
    "role_agent": "bevollmächtigter Vertreter",
    # Der Eingang.
    "no_requests": "Hier ist nichts.",
    "reference": "Aktenzeichen",
    "received": "Eingegangen",
    "due": "Antwort bis",
    "stage": "Stand",
    "waits_for": "Wartet auf",
    "show_open": "Offen",
    "show_person": "Zu entscheiden",
    "show_pressing": "Dringend",
    "show_late": "Überfällig",
    "show_closed": "Abgeschlossen",
    "days_left": "noch {days} Tage",
    "day_left": "noch 1 Tag",
    "due_today": "heute fällig",
    "days_late": "{days} Tage überfällig",
    "day_late": "1 Tag überfällig",
    "answered": "beantwortet",
    "expected_on": "voraussichtlich am {day}",
    "risk_at_risk": "kann zu spät werden",
    "risk_too_late": "wird zu spät",
    "endangered": "Voraussichtlich nicht rechtzeitig",
    "forecast_hint": "Nach der Dauer abgeschlossener Anträge; die Frist bleibt.",
    "second_officer": "eine zweite Person: {verb}",
    "a_decision": "eine Entscheidung",
    "nobody": "niemanden",
    "filters": "Auswahl",
    # Stände.
    "stage_received": "Eingegangen",
    "stage_acknowledged": "Bestätigt",
    "stage_proof_awaited": "Wartet auf Nachweis der Identität",
    "stage_proof_given": "Identität nachgewiesen",
    "stage_identity_verified": "Identität geprüft",
    "stage_refused": "Identität nicht nachgewiesen",
    "stage_joined": "Mit früherem Antrag verbunden",
    "stage_located": "Daten gefunden",
    "stage_not_found": "Nichts gefunden",
    "stage_under_review": "Unsichere Treffer werden geprüft",
    "stage_reviewed": "Unsichere Treffer geprüft",
    "stage_referred": "Wartet auf Freigabe",
    "stage_approved": "Freigegeben",
    "stage_cooling_off": "Noch zurücknehmbar",
    "stage_on_hold": "Angehalten",
    "stage_released": "Wieder aufgenommen",
    "stage_declined": "Abgelehnt",
    "stage_withdrawn": "Zurückgezogen",
    "stage_sources_erased": "In den Quellen gelöscht",
    "stage_base_spared": "Modell nicht betroffen",
    "stage_datasets_built": "Datensätze versiegelt",
    "stage_trained": "Modellpaar trainiert",
    "stage_unlearning_rejected": "Prüfung nicht bestanden",
    "stage_unlearning_verified": "Prüfung bestanden",
    "stage_overtaken": "Überholt, trainiert neu",
    "stage_escalated": "Vorgelegt",
    "stage_retried": "Neue Runde angeordnet",
    "stage_given_up": "Ohne Unterdrückung beendet",
    "stage_registered": "Version registriert",
    "stage_promoted": "Version freigeschaltet",
    "stage_serving_confirmed": "Auf allen Replikaten",
    "stage_purged": "Arbeitsdaten vernichtet",
    "stage_certified": "Bescheinigung ausgestellt",
    "stage_notified": "Mitgeteilt; abgeschlossen",
    # Entscheidungen.
    "verb_ask_for_proof": "Um einen Nachweis bitten",
    "verb_confirm_identity": "Identität bestätigen",
    "verb_approve": "Löschung freigeben",
    "verb_refuse": "Ablehnen",
    "verb_extend": "Frist verlängern",
    "verb_hold": "Anhalten",
    "verb_release": "Wieder aufnehmen",
    "verb_close_escalated": "Ohne Unterdrückung beenden",
    # Die Seite eines Antrags.
    "request": "Antrag",
    "live": "wird bearbeitet; diese Seite folgt",
    "extended": "verlängert",
    "outcome": "Ergebnis",
    "ground": "Grund des Antrags",
    "ground_claimed": "wie angegeben",
    "ground_as_claimed": "Wie angegeben, oder keiner",
    "ground_no_longer_needed": "nicht mehr notwendig",
    "ground_consent_withdrawn": "Einwilligung widerrufen",
    "ground_objection": "Widerspruch",
    "ground_unlawful": "unrechtmäßige Verarbeitung",
    "ground_duty_to_erase": "rechtliche Pflicht zur Löschung",
    "ground_offered_to_child": "online bei einem Kind erhoben",
    "cancel_until": "Zurücknehmbar bis",
    "certificate": "Bescheinigung",
    "timeline": "Verlauf",
    "preview": "Was betroffen wäre",
    "was_touched": "Was gefunden wurde",
    "preview_hint": (
        "Zahlen der letzten Suche. Sichere Treffer werden in der Quelle "
        "gelöscht, sobald der Antrag weitergeht; unsichere nie von selbst."
    ),
    "source": "Quelle",
    "found": "sicher",
    "uncertain": "unsicher",
    "unreadable": "unlesbar",
    "searched": "durchsucht",
    "proposal": "Ein Vorschlag wartet auf eine zweite Person",
    "proposed": "{officer} schlägt vor: {verb}",
    "own_proposal": "Es ist Ihr eigener Vorschlag; jemand anders muss zustimmen.",
    "agree": "Zustimmen und ausführen",
    "confirm": "Ich habe gelesen, was über diesen Antrag bekannt ist.",
    "decide": "Entscheiden",
    "decide_hint": (
        "Außer beim Anhalten ist jede Entscheidung ein Vorschlag, bis eine "
        "zweite Person zustimmt. Ihr Name wird festgehalten."
    ),
    "reason": "Grund",
    "choose": "Grund wählen",
    "withdraw": "Im Namen der betroffenen Person zurückziehen",
    "withdraw_hint": (
        "Nur, wenn die betroffene Person darum gebeten hat. Wirkt sofort; "
        "Arbeitsdaten werden vernichtet."
    ),
    "documents": "Unterlagen",
    "download_certificate": "Bescheinigung (signiertes JSON)",
    "download_letter": "Schreiben (PDF)",
    "download_bundle": "Prüfbündel",
    "bundle_hint": (
        "Alles, was über diesen Antrag festgehalten ist, mit Beweisen. Es lässt sich "
        "offline prüfen, allein mit den öffentlichen Schlüsseln: unlearn audit verify."
    ),
    "open_report": "Prüfbericht als eigene Seite",
    "report": "Prüfbericht",
    "said_done": "Ausgeführt und festgehalten.",
    "said_proposed": "Vorgeschlagen. Eine zweite Person muss zustimmen.",
    "effect_ask_for_proof": (
        "Die Person wird benachrichtigt und hat zwei Wochen Zeit; ohne Antwort wird "
        "der Antrag abgelehnt."
    ),
    "effect_approve": "Die gefundenen Datensätze werden in den Quellen gelöscht.",
    "effect_refuse": (
        "Arbeitsdaten werden vernichtet. Die betroffene Person liest Grund und "
        "Rechtsbehelfe (Art. 12 Abs. 4)."
    ),
    "effect_extend": (
        "Drei Monate ab Eingang; die betroffene Person erfährt es jetzt (Art. 12 "
        "Abs. 3)."
    ),
    "restriction": "Einschränkung der Verarbeitung (Art. 18)",
    "verb_restrict": "Einschränken",
    "verb_lift": "Einschränkung aufheben",
    "effect_restrict": (
        "Ab jetzt sagt kein Antwortdienst mehr etwas über die genannte Person, bis die "
        "Löschung wirksam ist oder zwei Beauftragte die Einschränkung aufheben."
    ),
    "effect_lift": (
        "Antwortdienste dürfen wieder über die Person antworten. Ein zweiter "
        "Beauftragter muss mit demselben Grund zustimmen; die Person erfährt es vorher."
    ),
    "effect_hold": (
        "Wirkt sofort, bevor etwas gelöscht wird; die betroffene Person erfährt es."
    ),
    "effect_release": "Die Quellen werden neu durchsucht.",
    "effect_close_escalated": (
        "Endet als nicht erreicht; die Bescheinigung behauptet keine Unterdrückung."
    ),
    "error_lease_busy": "Der Antrag wird bearbeitet. Versuchen Sie es gleich erneut.",
    "error_decision_refused": (
        "Sie können das nicht entscheiden: Ihr Name ist nicht hinterlegt, es "
        "braucht eine zweite Person, oder es ist zu spät."
    ),
    "error_restriction_refused": (
        "Die Einschränkung lässt sich jetzt oder von Ihnen so nicht ändern."
    ),
    "error_forbidden": "Das Formular war unvollständig. Nichts ist geschehen.",
    "event_proof_asked": "Person um Nachweis gebeten",
    "event_decision_proposed": "Vorgeschlagen",
    "event_restricted": "Verarbeitung eingeschränkt; Antwortdienste erfahren es",
    "event_restriction_in_force": "Einschränkung bei jedem Antwortdienst wirksam",
    "event_restriction_lift_proposed": "Aufhebung der Einschränkung vorgeschlagen",
    "event_restriction_lifted": "Einschränkung beendet",
    "event_deadline_extended": "Frist verlängert",
    "event_extension_drafted": "Verlängerung entworfen; zwei Personen bestätigen sie",
    "event_deadline_near": "Die Frist rückt näher",
    "event_deadline_pressing": "Die Frist drängt",
    "event_deadline_missed": "Die Frist wurde versäumt",
    "event_working_data_lingers": "Arbeitsdaten werden schon lange aufbewahrt",
    "event_working_data_destroyed": "Arbeitsdaten vernichtet; nur ein Ende bleibt",
    "channel_cli": "Kommandozeile",
    "channel_http": "Schnittstelle",
    "channel_web_page": "Webseite",
    "channel_import": "Tabelle",
    "channel_opendsr": "über OpenDSR",
    "channel_data_rights_protocol": "über das Data Rights Protocol",
    "channel_drop": "DROP (Kalifornien)",
    "recipients": "Empfänger der Daten",
    "recipients_hint": "Sie haben erhalten, was gelöscht wurde (Art. 19). Wer nicht "
    "erreicht wurde, erfährt es auf anderem Weg, oder jemand entscheidet, warum nicht: "
    "unlearn recipients settle.",
    "recipient": "Empfänger",
    "received_from": "Hat erhalten",
    "telling": "Mitteilung",
    "telling_waiting": "unterwegs",
    "telling_told": "zugestellt",
    "telling_bounced": "abgewiesen",
    "telling_abandoned": "aufgegeben",
    "telling_told_otherwise": "auf anderem Weg unterrichtet",
    "telling_impossible": "unmöglich",
    "telling_disproportionate": "unverhältnismäßiger Aufwand",
    "outcome_suppressed_at_output": (
        "In den Quellen gelöscht, in der Ausgabe unterdrückt"
    ),
    "outcome_erased_at_source": "In den Quellen gelöscht",
    "outcome_partial": "Teilweise erledigt",
    "outcome_not_found": "Nichts gefunden",
    "outcome_exempt": "Ausgenommen",
    "outcome_refused": "Abgelehnt",
    "outcome_withdrawn": "Zurückgezogen",
    "outcome_failed": "Nicht erreicht",
    "standing_valid": "gültig bis",
    "standing_expired": "abgelaufen; galt bis",
    "standing_failed": "spätere Prüfung nicht bestanden; galt bis",
    # Gründe.
    "reason_no_ground": "kein Grund nach Art. 17 Abs. 1",
    "reason_free_expression": "Meinungs- und Informationsfreiheit",
    "reason_legal_obligation": "gesetzliche Aufbewahrungspflicht",
    "reason_public_health": "öffentliche Gesundheit",
    "reason_archiving": "Archiv, Forschung, Statistik",
    "reason_legal_claims": "Rechtsansprüche",
    "reason_manifestly_unfounded": "offenkundig unbegründet",
    "reason_excessive": "exzessiv",
    "reason_other_controller": "anderer Verantwortlicher",
    "reason_suspected_fraud": "Betrugsverdacht",
    "reason_accuracy_contested": "die Person bestreitet die Richtigkeit",
    "reason_unlawful_processing": "die Verarbeitung ist unrechtmäßig",
    "reason_claims_of_subject": "die Person braucht die Daten für Rechtsansprüche",
    "reason_erasure_pending": "die Löschung ist noch nicht wirksam",
    "reason_ground_ended": "der Grund der Einschränkung ist entfallen",
    "reason_subject_asks": "die Person wünscht es",
    "reason_erasure_effective": "die Löschung ist wirksam",
    "reason_outlived": "ihre Zeit ist um",
    "reason_objection": "Widerspruch wird geprüft",
    "reason_clarification": "Rückfrage an die betroffene Person",
    "reason_identity_doubt": "Zweifel an der Identität",
    "reason_complexity": "Komplexität des Antrags",
    "reason_number_of_requests": "Zahl der Anträge",
    "reason_not_known_to_model": "Modell kannte die Person nicht",
    "reason_not_achieved": "Unterdrückung nicht erreicht",
    "reason_model_retired": "Modell wird stillgelegt",
    "reason_same_person": "dieselbe Person",
    "reason_quotes_subject": "zitiert einen Datensatz der Person",
    "reason_namesake": "eine Person gleichen Namens",
    "reason_ordinary_word": "ein gewöhnliches Wort",
    "reason_common_text": "ein Text, den viele teilen",
    "reason_legal_hold": "rechtliche Sperre",
    "review_reasoning": "Warum die Ausnahme gilt (Art. 17 Abs. 3 DSGVO; versiegelt)",
    # Unsichere Datensätze.
    "review": "Unsichere Datensätze",
    "review_waits": (
        "Die Suche hat Datensätze gefunden, die jemand anderen betreffen könnten. "
        "Gelöscht wird nichts, bevor über jeden entschieden ist."
    ),
    "review_open": "Ansehen und entscheiden",
    "back_to_request": "Zurück zum Antrag {reference}",
    "review_left": "Über {undecided} von {total} Datensätzen ist nicht entschieden.",
    "review_hint": (
        "Diese Seite zeigt personenbezogene Daten; dass Sie sie gesehen haben, wird "
        "festgehalten. Bis zum letzten Datensatz lässt sich eine Entscheidung ändern."
    ),
    "review_subject": "Wer den Antrag stellt",
    "review_record": "Datensatz {number} in {source}",
    "review_why": "Weshalb er gefunden wurde",
    "review_decision": "Was aus Datensatz {number} wird",
    "review_later": "Später entscheiden",
    "review_confirm": "Ich habe diese Datensätze mit den Angaben im Antrag verglichen.",
    "review_send": "Entscheidungen festhalten",
    "review_pages": "Seiten mit Datensätzen",
    "ruling_erase": "Löschen",
    "ruling_keep": "Behalten",
    "kind_name": "Vor- und Nachname",
    "kind_email": "E-Mail-Adresse",
    "kind_phone": "Telefonnummer",
    "kind_customer_number": "Kundennummer",
    "kind_handle": "Benutzername",
    "said_reviewed": (
        "Über jeden Datensatz ist entschieden. Der Antrag läuft von selbst weiter."
    ),
    "error_review_refused": (
        "Sie können das nicht entscheiden: Ihr Name ist nicht hinterlegt, die Liste "
        "wurde inzwischen ersetzt, oder über Fassungen desselben Datensatzes wurde "
        "verschieden entschieden. Nichts ist geschehen."
    ),
    # Übersichten.
    "months": (
        "Januar Februar März April Mai Juni Juli August September Oktober "
        "November Dezember"
    ),
    "weekdays": "Mo Di Mi Do Fr Sa So",
    "year": "Jahr",
    "figure_received": "eingegangen",
    "figure_open": "noch nicht beantwortet",
    "figure_complied": "ganz erfüllt",
    "figure_in_part": "teilweise erfüllt",
    "figure_not_found": "nichts gefunden",
    "figure_denied": "abgelehnt oder nicht erreicht",
    "figure_withdrawn": "zurückgezogen",
    "figure_on_time": "fristgerecht beantwortet",
    "figure_median": "mittlere Dauer bis zur Antwort (Median)",
    "figure_mean": "durchschnittliche Dauer bis zur Antwort",
    "denied_by": "Warum Anträge abgelehnt wurden",
    "reason_not_kept": "der Grund ist nicht mehr gespeichert",
    "days": "{days} Tage",
    "no_answer_yet": "noch keine",
    "figures_hint": "Anträge eines Kalenderjahres, gezählt nach 11 CCR 7102(a).",
    "nothing_promoted": "Noch wurde keine Version freigeschaltet.",
    "wanted_version": (
        "Jedes Replikat muss Version {sequence} liefern, und keine Antwort darf "
        "älter sein."
    ),
    "replica": "Name des Replikats",
    "converged": "Konvergenz",
    "serves_now": "Liefert",
    "oldest_answer": "Älteste laufende Antwort",
    "last_refusal": "Letzte Ablehnung",
    "has_converged": "übereinstimmend",
    "not_converged": "im Rückstand",
    "not_ready": "antwortet nicht",
    "cut_off": "abgehängt",
    "cut_off_unheard": "abgehängt, hat es noch nicht bestätigt",
    "said_gone": "sagt, dass es nicht mehr läuft",
    "convergence": (
        "Von der Registrierung bis alle Replikate sie lieferten: {last:.1f} s bei der "
        "jüngsten Version, {middle:.1f} s im Median und höchstens {longest:.1f} s, "
        "bei insgesamt {versions}."
    ),
    "replicas_hint": (
        "Solange ein Replikat im Rückstand ist, wird nichts wirksam. Eines, das nicht "
        "nachkommt, lässt sich auf der Kommandozeile abhängen: unlearn replica cut-off."
    ),
    "after_seconds": "{seconds:.1f} s nach der Registrierung",
    "without_replicas": "ohne {names}: abgehängt",
    "keys_hint": (
        "Schlüssel entstehen auf der Kommandozeile: unlearn access add. Ein "
        "Widerruf beendet auch ihre Sitzungen sofort."
    ),
    "key_id": "Schlüssel",
    "name": "Wessen",
    "roles": "Rollen",
    "created": "Erstellt",
    "key_state": "Zustand",
    "revoked": "widerrufen",
    "valid": "gültig",
    "revoke": "Widerrufen",
}
