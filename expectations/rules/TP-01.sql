-- A finished task that is not at 100 percent, or a task at 100 percent that is not finished. A row that lacks one of
-- the two is not judged.
select
    submission_id,
    sheet_name,
    row_number,
    case status when 'finished' then 'percent_complete' else 'status' end as column_name,
    case status when 'finished' then percent_complete::text else status end as value,
    status,
    percent_complete as percent
from {batch}
where (status = 'finished') <> (percent_complete = 100)
