"""What the pages for data subjects say in German."""

from unlearn_core.domain.deadlines import ExtensionReason
from unlearn_core.domain.decisions import RefusalReason
from unlearn_core.domain.grounds import Ground
from unlearn_core.domain.requests import Outcome, RequestStatus, Stage
from unlearn_core.domain.standing import Reason
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.http_errors import RateLimitedError
from unlearn_core.intake.texts import Texts

GERMAN = Texts(
    language="de",
    day="%d.%m.%Y",
    moment="%d.%m.%Y, %H:%M Uhr (%Z)",
    labels={
        IdentifierKind.NAME: "Vor- und Nachname",
        IdentifierKind.EMAIL: "E-Mail-Adresse",
        IdentifierKind.PHONE: "Telefonnummer",
        IdentifierKind.CUSTOMER_NUMBER: "Kundennummer",
        IdentifierKind.HANDLE: "Benutzername",
    },
    hints={
        IdentifierKind.EMAIL: "Eine, unter der wir Sie kennen könnten.",
        IdentifierKind.PHONE: "Mit Landesvorwahl, zum Beispiel +49 30 1234567.",
    },
    grounds={
        Ground.NO_LONGER_NEEDED: (
            "Meine Daten sind für den Zweck, zu dem sie erhoben wurden, nicht mehr "
            "nötig."
        ),
        Ground.CONSENT_WITHDRAWN: "Ich widerrufe meine Einwilligung.",
        Ground.OBJECTION: "Ich widerspreche der Verwendung meiner Daten.",
        Ground.UNLAWFUL: "Meine Daten werden unrechtmäßig verwendet.",
        Ground.DUTY_TO_ERASE: "Ein Gesetz verlangt, dass meine Daten gelöscht werden.",
        Ground.OFFERED_TO_CHILD: (
            "Meine Daten wurden online erhoben, als ich ein Kind war."
        ),
    },
    problems={
        "name": "Geben Sie Vor- und Nachnamen ein.",
        "second": "Geben Sie noch etwas an, zum Beispiel Ihre E-Mail-Adresse.",
        "email": "Geben Sie eine E-Mail-Adresse wie name@example.org ein.",
        "phone": "Geben Sie eine Telefonnummer mit 6 bis 15 Ziffern ein.",
        "customer_number": (
            "Geben Sie eine Kundennummer mit mindestens vier Buchstaben und Ziffern "
            "ein."
        ),
        "handle": "Geben Sie einen Benutzernamen mit mindestens zwei Zeichen ein.",
        "identity_token": "Der Identitätsnachweis ist zu lang.",
        "other": "Füllen Sie das Formular so aus, wie es angezeigt wird.",
    },
    headlines={
        RequestStatus.OPEN: "Eingegangen",
        RequestStatus.IN_PROGRESS: "In Arbeit",
        RequestStatus.DENIED: "Abgelehnt",
        Stage.ON_HOLD: "Angehalten",
        Stage.PROOF_AWAITED: "Wir müssen wissen, dass Sie es sind",
        Stage.COOLING_OFF: "Wird bald gelöscht",
        Outcome.SUPPRESSED_AT_OUTPUT: "Erledigt",
        Outcome.ERASED_AT_SOURCE: "Erledigt",
        Outcome.PARTIAL: "Teilweise erledigt",
        Outcome.NOT_FOUND: "Nichts gefunden",
        Outcome.EXEMPT: "Abgelehnt",
        Outcome.REFUSED: "Abgelehnt",
        Outcome.WITHDRAWN: "Zurückgenommen",
        Outcome.FAILED: "Nicht erreicht",
    },
    explanations={
        RequestStatus.OPEN: "Ihr Antrag ist eingegangen; wir bearbeiten ihn bald.",
        RequestStatus.IN_PROGRESS: "Wir arbeiten an Ihrem Antrag.",
        RequestStatus.DENIED: "Wir konnten Ihren Antrag nicht erfüllen.",
        Stage.ON_HOLD: (
            "Ihr Antrag ruht aus einem rechtlichen Grund; gelöscht wurde nichts."
        ),
        Stage.PROOF_AWAITED: (
            "Mit Ihren Daten geschieht nichts, bevor wir wissen, dass der Antrag von "
            "Ihnen kommt."
        ),
        Stage.COOLING_OFF: (
            "Wir wissen, was zu löschen ist, und warten, damit Sie es sich noch anders "
            "überlegen können."
        ),
        Outcome.SUPPRESSED_AT_OUTPUT: (
            "Ihre Daten wurden in jeder durchsuchten Quelle gelöscht, und unsere "
            "Dienste lassen das Modell sie nicht mehr wiedergeben. Das Modell selbst "
            "ist innen unverändert."
        ),
        Outcome.ERASED_AT_SOURCE: (
            "Ihre Daten wurden in jeder durchsuchten Quelle gelöscht. Das Modell wurde "
            "mit nichts davon trainiert."
        ),
        Outcome.PARTIAL: (
            "Wir haben getan, was möglich war; aber eine Quelle konnte nicht "
            "vollständig durchsucht werden, oder einige Datensätze dürfen nicht "
            "gelöscht werden."
        ),
        Outcome.NOT_FOUND: (
            "Jede Quelle wurde vollständig durchsucht; gefunden wurde nichts."
        ),
        Outcome.EXEMPT: "Wir dürfen oder müssen die Daten behalten.",
        Outcome.REFUSED: "Wir haben Ihren Antrag nicht erfüllt.",
        Outcome.WITHDRAWN: (
            "Der Antrag wurde zurückgenommen, bevor etwas gelöscht war."
        ),
        Outcome.FAILED: (
            "Ihre Datensätze wurden gelöscht, wo das möglich war; aber wir konnten "
            "nicht zeigen, dass das Modell sie nicht mehr wiedergibt."
        ),
    },
    form_problems={
        "wrong": (
            "Das ist nicht der Code, den wir zuletzt gesandt haben. Sehen Sie in die "
            "neueste Nachricht."
        ),
        "too late": (
            "Der Code ist zu alt oder wurde zu oft versucht. Lassen Sie sich einen "
            "neuen senden."
        ),
        "no more are sent": (
            "Wir haben Ihnen drei Codes gesandt. Bitte schreiben Sie uns stattdessen."
        ),
        "none is awaited": "Im Augenblick wird kein Code gebraucht.",
        "not confirmed": (
            "Setzen Sie das Häkchen, wenn Sie Ihren Antrag zurücknehmen möchten."
        ),
        "the erasure has begun": "Es ist zu spät: Ihre Daten werden gerade gelöscht.",
        "the time to cancel is over": (
            "Es ist zu spät: Der Antrag kann nicht mehr zurückgenommen werden."
        ),
        "busy": (
            "Jemand arbeitet gerade an Ihrem Antrag. Versuchen Sie es gleich noch "
            "einmal."
        ),
    },
    gate={
        RateLimitedError.code: (
            "Von Ihrer Adresse kamen zu viele Formulare. Warten Sie eine Minute, gehen "
            "Sie dann zurück und senden Sie es noch einmal."
        ),
        "the form is not from here": (
            "Zu Ihrem Schutz nehmen wir ein Formular nur von unserer eigenen Seite an, "
            "und dieses scheint von anderswo zu kommen. Gehen Sie zurück und senden "
            "Sie es von dort."
        ),
        "the form is not of this session": (
            "Das Formular wurde geöffnet, bevor Sie sich zuletzt angemeldet haben. "
            "Gehen Sie zurück und senden Sie es noch einmal."
        ),
        "not a form": (
            "Was ankam, war kein Formular, das wir lesen können, oder es war zu lang. "
            "Gehen Sie zurück und füllen Sie es noch einmal aus."
        ),
        "the role is missing": (
            "Sie sind angemeldet, dürfen das aber nicht tun. Bitten Sie die Verwaltung "
            "um eine Rolle, die es darf."
        ),
        "other": (
            "Dabei ist etwas schiefgegangen. Gehen Sie zurück und versuchen Sie es "
            "noch einmal; wenn es wieder geschieht, schreiben Sie uns bitte."
        ),
    },
    cancelling={
        "until": (
            "Sie können den Antrag bis {moment} zurücknehmen. Vorher wird nichts "
            "gelöscht. Danach kann ihn niemand mehr zurücknehmen, und was gelöscht "
            "ist, lässt sich nicht zurückholen."
        ),
        "at_least": (
            "Sie können den Antrag mindestens bis {moment} zurücknehmen. Vorher wird "
            "nichts gelöscht. Sobald der letzte Augenblick feststeht, nennt ihn diese "
            "Seite."
        ),
        "not_erased": (
            "Sie können den Antrag zurücknehmen, solange nichts gelöscht ist. Was "
            "gelöscht ist, lässt sich nicht zurückholen."
        ),
    },
    extensions={
        ExtensionReason.COMPLEXITY: (
            "Wir brauchen mehr Zeit, weil Ihr Antrag aufwendig ist."
        ),
        ExtensionReason.NUMBER_OF_REQUESTS: (
            "Wir brauchen mehr Zeit, weil viele Anträge vorliegen."
        ),
    },
    certificates={
        Reason.AS_VERIFIED: (
            "Gültig bis {until}, wenn unser Dienst so bleibt, wie er geprüft wurde."
        ),
        Reason.TIME_IS_UP: (
            "Abgelaufen am {until}. Sie sagt, was vorher festgestellt wurde; noch "
            "einmal geprüft wurde es nicht."
        ),
        Reason.STACK_CHANGED: (
            "Abgelaufen: Unser Dienst wurde nach der letzten Prüfung geändert und "
            "nicht noch einmal geprüft."
        ),
        Reason.NOT_CONFIRMED: (
            "Nicht bestätigt: Eine spätere Prüfung konnte es nicht zeigen. Fragen Sie "
            "uns gern, was das bedeutet."
        ),
    },
    restrictions={
        "restricted": (
            "Angeordnet. Unsere Dienste erfahren, dass sie Sie nicht nennen dürfen."
        ),
        "restriction_in_force": "Wirksam. Unsere Dienste nennen Sie nicht.",
        "restriction_lifted": "Beendet.",
    },
    refusals={
        RefusalReason.NO_GROUND: (
            "Keiner der Gründe für eine Löschung nach Art. 17 Abs. 1 DSGVO liegt vor:"
            " Die Daten werden für den Zweck, zu dem sie erhoben wurden, noch "
            "gebraucht, auf einer gültigen Rechtsgrundlage."
        ),
        RefusalReason.FREE_EXPRESSION: (
            "Die Verarbeitung ist für die Freiheit der Meinungsäußerung und "
            "Information erforderlich (Art. 17 Abs. 3 Buchst. a DSGVO)."
        ),
        RefusalReason.LEGAL_OBLIGATION: (
            "Ein Gesetz verpflichtet uns, die Daten zu behalten, oder wir brauchen sie "
            "für eine Aufgabe im öffentlichen Interesse (Art. 17 Abs. 3 Buchst. b "
            "DSGVO)."
        ),
        RefusalReason.PUBLIC_HEALTH: (
            "Die Daten werden aus Gründen der öffentlichen Gesundheit gebraucht "
            "(Art. 17 Abs. 3 Buchst. c DSGVO)."
        ),
        RefusalReason.ARCHIVING: (
            "Die Daten werden für Archive im öffentlichen Interesse, Forschung oder "
            "Statistik gebraucht, die eine Löschung ernsthaft beeinträchtigen würde "
            "(Art. 17 Abs. 3 Buchst. d DSGVO)."
        ),
        RefusalReason.LEGAL_CLAIMS: (
            "Die Daten werden gebraucht, um Rechtsansprüche geltend zu machen, "
            "auszuüben oder zu verteidigen (Art. 17 Abs. 3 Buchst. e DSGVO)."
        ),
        RefusalReason.UNFOUNDED: (
            "Der Antrag ist offenkundig unbegründet (Art. 12 Abs. 5 DSGVO); das zu "
            "zeigen ist unsere Sache."
        ),
        RefusalReason.EXCESSIVE: (
            "Der Antrag wiederholt frühere so oft, dass er exzessiv ist (Art. 12 "
            "Abs. 5 DSGVO); das zu zeigen ist unsere Sache."
        ),
        RefusalReason.OTHER_CONTROLLER: (
            "Über diese Daten entscheiden nicht wir; bitte wenden Sie sich an den "
            "Verantwortlichen, der es tut."
        ),
        RefusalReason.SUSPECTED_FRAUD: (
            "Wir haben Grund zu der Annahme, dass der Antrag nicht von der Person "
            "kommt, die er nennt (Art. 12 Abs. 6 DSGVO)."
        ),
    },
    complaint=(
        "Sie können sich bei einer Aufsichtsbehörde beschweren, insbesondere dort, wo "
        "Sie wohnen, wo Sie arbeiten oder wo Ihrer Ansicht nach das Recht verletzt "
        "wurde (Art. 77 DSGVO)."
    ),
    competent=" Für uns ist zuständig: {authority}.",
    judicial_remedy=(
        "Ob Sie sich beschweren oder nicht, Sie können die Sache auch vor Gericht "
        "bringen (Art. 79 DSGVO)."
    ),
    page={
        "other_code": "en",
        "other_language": "English",
        "skip": "Zum Inhalt springen",
        "data_protection": "Datenschutz",
        "footer": (
            "Diese Seite führt keine Skripte aus und lädt nichts von anderswo. Ein "
            "Cookie setzt sie nur, um sich eine Sprache zu merken, die Sie wählen."
        ),
        "error": "Fehler: ",
        "form_title": "Lassen Sie sich vergessen",
        "form_lead": (
            "Sie können verlangen, dass wir Ihre personenbezogenen Daten löschen, auch "
            "das, was unser Sprachmodell über Sie sagt. Das kostet nichts. Wir "
            "antworten innerhalb der gesetzlichen Frist, in der Regel binnen eines "
            "Monats."
        ),
        "form_refused": "Wir konnten das Formular nicht annehmen",
        "form_again": (
            "Zu Ihrem Schutz haben wir nichts von dem behalten, was Sie eingegeben "
            "haben; bitte füllen Sie das Formular noch einmal aus."
        ),
        "who": "Wer Sie sind",
        "who_hint": (
            "Wir brauchen Ihren vollen Namen und mindestens eine weitere Angabe, um "
            "Sie von Menschen gleichen Namens zu unterscheiden."
        ),
        "optional": "(freiwillig)",
        "ground": "Warum Sie die Löschung verlangen",
        "ground_reason": "Grund",
        "ground_hint": "Sie müssen keinen nennen; wir finden heraus, welcher zutrifft.",
        "no_ground": "Ich nenne keinen Grund",
        "proof": "Wie Sie nachweisen, wer Sie sind",
        "token": "Identitätsnachweis",
        "token_hint": (
            "Der Text, den unser Anmeldedienst Ihnen gegeben hat. Er wird vernichtet, "
            "sobald Ihre Identität geprüft ist. Ohne ihn müssen wir womöglich ablehnen."
        ),
        "proof_code": (
            "Wenn Sie das Formular abgesandt haben, senden wir einen Code aus acht "
            "Ziffern an die eingegebene E-Mail-Adresse. Geben Sie ihn auf der nächsten "
            "Seite ein, dann wissen wir, dass Sie es sind."
        ),
        "proof_officer": (
            "Jemand in unserem Haus prüft, wer Sie sind, und meldet sich bei Ihnen, "
            "wenn es nötig ist."
        ),
        "send": "Antrag absenden",
        "asked": (
            "Wir haben Ihnen geschrieben und gefragt, woran wir erkennen können, dass "
            "der Antrag von Ihnen kommt. Bitte antworten Sie binnen zwei Wochen nach "
            "dieser Nachricht; sonst müssen wir ablehnen. Vorher geschieht mit Ihren "
            "Daten nichts."
        ),
        "your_request": "Ihr Antrag",
        "received": "Eingegangen",
        "answer_by": "Wir antworten bis",
        "extended": "(verlängert)",
        "certificate": "Bescheinigung",
        "restriction": "Eingeschränkte Verarbeitung",
        "reference": "Aktenzeichen",
        "enter_code": "Geben Sie den Code ein",
        "code_sent": (
            "Wir haben einen Code aus acht Ziffern an die E-Mail-Adresse Ihres Antrags "
            "gesandt. Er gilt eine halbe Stunde."
        ),
        "code": "Code",
        "prove": "Code bestätigen",
        "new_code": "Neuen Code senden",
        "why": "Warum, und was Sie tun können",
        "kept": "Was bleibt, und warum",
        "what_you_can_do": "Was Sie tun können",
        "change_your_mind": "Wenn Sie es sich anders überlegen",
        "confirm_cancel": "Ich möchte jetzt nicht, dass meine Daten gelöscht werden.",
        "cancel": "Antrag zurücknehmen",
        "keep": "Bewahren Sie diese Adresse auf",
        "keep_text": (
            "Setzen Sie ein Lesezeichen. Nur über diese Adresse kommen Sie hierher "
            "zurück, und alle, die sie kennen, sehen, wie es um Ihren Antrag steht, "
            "und können ihn zurücknehmen, solange das möglich ist. Ihr Name steht "
            "nicht darin."
        ),
        "missing_title": "Seite nicht gefunden",
        "missing": "Diese Seite gibt es nicht",
        "missing_text": (
            "Prüfen Sie die Adresse: Ein Status-Link muss vollständig sein. Sie können "
            "auch einen Antrag stellen:"
        ),
        "new_request": "zum Formular",
        "refused_title": "Nicht möglich",
        "refused": "Das ist nicht möglich",
        "back": "Zurück",
    },
)
