select
    'household_review' as dataset,
    staged.submission_id,
    staged.sheet_name,
    staged.row_number
from {{ ref('stg_household_review') }} as staged
left join {{ ref('int_household__classified') }} as counted using (submission_id, sheet_name, row_number)
where counted.submission_id is null
union all
select
    'commune_profile',
    staged.submission_id,
    staged.sheet_name,
    staged.row_number
from {{ ref('stg_commune_profile') }} as staged
left join {{ ref('int_commune__profile') }} as counted using (submission_id, sheet_name, row_number)
where counted.submission_id is null
