"""The words of letters in German."""

from unlearn_core.domain.exemptions import Kept
from unlearn_core.domain.grounds import Ground
from unlearn_core.domain.recipients import Telling
from unlearn_core.domain.requests import Outcome
from unlearn_core.domain.wording import Words

GERMAN = Words(
    title="Ihr Antrag auf Löschung",
    greeting=(
        "Dieses Schreiben sagt Ihnen, was wir auf Ihren Antrag hin getan haben und was "
        "nicht."
    ),
    outcomes={
        Outcome.SUPPRESSED_AT_OUTPUT: (
            "Ihre Datensätze wurden in jeder durchsuchten Quelle gelöscht, und unsere "
            "Dienste lassen das Modell nicht mehr wiedergeben, was es über Sie gelernt "
            "hatte."
        ),
        Outcome.ERASED_AT_SOURCE: (
            "Ihre Datensätze wurden in jeder durchsuchten Quelle gelöscht. Das Modell "
            "wurde mit keinem davon trainiert."
        ),
        Outcome.PARTIAL: (
            "Wir haben getan, was möglich war. Mindestens eine Quelle konnte nicht "
            "vollständig durchsucht werden, oder einige Datensätze dürfen nicht "
            "gelöscht werden."
        ),
        Outcome.NOT_FOUND: (
            "Jede Quelle wurde vollständig durchsucht. Über Sie wurde nichts gefunden."
        ),
        Outcome.FAILED: (
            "Ihre Datensätze wurden gelöscht, wo das möglich war. Wir konnten nicht "
            "zeigen, dass das Modell sie nicht mehr wiedergibt."
        ),
    },
    request="Antrag",
    received="Eingegangen",
    ground="Grund",
    grounds={
        Ground.NO_LONGER_NEEDED: "nicht mehr notwendig",
        Ground.CONSENT_WITHDRAWN: "Einwilligung widerrufen",
        Ground.OBJECTION: "Widerspruch",
        Ground.UNLAWFUL: "unrechtmäßige Verarbeitung",
        Ground.DUTY_TO_ERASE: "rechtliche Pflicht zur Löschung",
        Ground.OFFERED_TO_CHILD: "online bei einem Kind erhoben",
    },
    issued="Ausgestellt",
    valid_until="Für die geprüften Ergebnisse stehen wir ein bis",
    effective="Wirksam seit",
    records="Datensätze je Quelle",
    record_line="{source}: {found} gefunden, {erased} gelöscht",
    redacted_line=(
        "{source}: {found} gefunden, {erased} gelöscht, "
        "{redacted} ohne das, was Sie nennt, behalten"
    ),
    unsearched="Nicht vollständig durchsucht oder nicht zu löschen: {sources}",
    kept_line="{source}: {count} behalten, Grund: {why}",
    kept={
        Kept.FREE_EXPRESSION: "freie Meinungsäußerung und Information",
        Kept.LEGAL_OBLIGATION: (
            "rechtliche Verpflichtung oder Aufgabe im öffentlichen Interesse"
        ),
        Kept.PUBLIC_HEALTH: "öffentliche Gesundheit",
        Kept.ARCHIVING: "Archivzwecke im öffentlichen Interesse, Forschung, Statistik",
        Kept.LEGAL_CLAIMS: "Rechtsansprüche",
        Kept.LEGAL_HOLD: "rechtliche Sperre",
        Kept.NOT_ERASABLE: "in dieser Quelle kann nicht gelöscht werden",
        Kept.SHARED_IDENTIFIER: "dieselbe Kennung wie ein anderer Datensatz",
    },
    recipients="Empfänger der Daten",
    tellings={
        Telling.WAITING: "Eine Mitteilung ist unterwegs an: {count}",
        Telling.TOLD: "Über die Löschung unterrichtet: {count}",
        Telling.BOUNCED: "Bisher nicht erreicht: {count}",
        Telling.ABANDONED: "Trotz mehrerer Versuche bisher nicht erreicht: {count}",
        Telling.TOLD_OTHERWISE: "Auf anderem Weg unterrichtet: {count}",
        Telling.IMPOSSIBLE: "Nicht zu unterrichten, weil unmöglich: {count}",
        Telling.DISPROPORTIONATE: (
            "Wegen unverhältnismäßigen Aufwands nicht unterrichtet: {count}"
        ),
    },
    recipients_list="Auf Anfrage sagen wir Ihnen, wer sie sind.",
    checks="Prüfungen",
    checks_line="{passed} von {count} vorab festgelegten Bedingungen wurden erfüllt.",
    remedies_title="Was Sie tun können",
    remedies=(
        (
            "Sie können sich bei einer Aufsichtsbehörde beschweren, insbesondere dort, "
            "wo Sie wohnen, wo Sie arbeiten oder wo Sie einen Verstoß vermuten "
            "(Art. 77 DSGVO)."
        ),
        (
            "Ob Sie sich beschweren oder nicht, Sie können auch vor Gericht gehen "
            "(Art. 79 DSGVO)."
        ),
    ),
    limits_title="Was damit nicht gesagt ist",
    limits=(
        (
            "Aus den Gewichten des Basismodells wurde nichts gelöscht; wo Dienste "
            "genannt sind, wurde ihre Ausgabe unterdrückt und wie angegeben gemessen."
        ),
        (
            "Womit das Basismodell trainiert wurde, kann noch immer gewinnen, wer es "
            "ohne den Versatz besitzt."
        ),
        (
            "Die Schranken gelten für die genannten Arten von Fragen und nur für die "
            "genannten Prüfsummen; ändert sich eine davon, endet die Gültigkeit."
        ),
    ),
    verify_title="Wie Sie dieses Schreiben prüfen",
    verify=(
        "Die signierte Bescheinigung ist eine Datei mit der Nummer dieses Antrags. "
        "Jeder kann sie ohne uns mit unseren öffentlichen Schlüsseln prüfen: unlearn "
        "certificate verify DATEI --trust trust.json"
    ),
    day="%d.%m.%Y",
)
