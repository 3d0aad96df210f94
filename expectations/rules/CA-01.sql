-- More participants than aimed at. A row that lacks one of the two is not judged.
select
    submission_id,
    sheet_name,
    row_number,
    'participants' as column_name,
    participants as value,
    target_participants as "limit"
from {batch}
where participants > target_participants
