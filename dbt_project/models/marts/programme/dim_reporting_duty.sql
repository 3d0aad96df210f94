select
    code as duty_code,
    programme_code,
    reporter as reporter_name,
    reporter_kind as reporter_kind_code,
    lower(reporter_agency) as reporter_sender_code,
    cadence as cadence_code,
    due as due_text,
    due_on,
    receiver as receiver_name,
    lower(receiver_agency) as receiver_sender_code,
    clause as legal_source
from {{ ref('reporting_duty') }}
