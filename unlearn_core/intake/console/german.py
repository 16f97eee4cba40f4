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
    "second_officer": "eine zweite Person: {verb}",
    "a_decision": "eine Entscheidung",
    "nobody": "niemanden",
    "filters": "Auswahl",
    # Stände.
    "stage_received": "Eingegangen",
    "stage_acknowledged": "Bestätigt",
    "stage_identity_verified": "Identität geprüft",
    "stage_refused": "Identität nicht nachgewiesen",
    "stage_joined": "Mit früherem Antrag verbunden",
    "stage_located": "Daten gefunden",
    "stage_not_found": "Nichts gefunden",
    "stage_under_review": "Unsichere Treffer werden geprüft",
    "stage_reviewed": "Unsichere Treffer geprüft",
    "stage_referred": "Wartet auf Freigabe",
    "stage_approved": "Freigegeben",
    "stage_on_hold": "Angehalten",
    "stage_released": "Wieder aufgenommen",
    "stage_declined": "Abgelehnt",
    "stage_withdrawn": "Zurückgezogen",
    "stage_sources_erased": "In den Quellen gelöscht",
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
    "verb_approve": "Löschung freigeben",
    "verb_refuse": "Ablehnen",
    "verb_extend": "Frist verlängern",
    "verb_hold": "Anhalten",
    "verb_release": "Wieder aufnehmen",
    "verb_close_escalated": "Ohne Unterdrückung beenden",
}
